"""What takes part in an exchange: ears, bridge, language model, manners, voice."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field

from assistant.config.block import Block, HomePath, Threads, empty_is_none
from assistant.config.bundled import starter_dir
from assistant.config.tuning import (
    BridgeTuning,
    EncodeTuning,
    GenerateTuning,
    ListenTuning,
    TurnTuning,
)

INSTRUCTION = (
    "You are Attune, a kind companion at home. Answer briefly and plainly. "
    "If you do not know something, say so."
)


Adapter = Annotated[Literal["auto"] | HomePath | None, BeforeValidator(empty_is_none)]
"""Low-rank changes of a model's weights: the bundled ones, a file or none."""


def _on_or_off(value: object) -> object:
    """A setting that was true or false before it had a third value."""
    return {"true": "on", "false": "off"}.get(str(value).lower(), value)


def _language(text: str) -> str:
    if text != "auto" and not re.fullmatch(r"[a-z]{2,3}", text):
        raise ValueError('it should be a code such as "en", or "auto"')
    return text


def _phrase(text: str | None) -> str | None:
    if text is not None and sum(letter.isalpha() for letter in text) < 4:
        raise ValueError("it should have at least four letters")
    return text


class ListenSettings(Block):
    """Capture and endpointing."""

    device: str | None = Field(None, description="part of the microphone's name")
    vad_mode: int = Field(2, ge=0, le=3, description="webrtcvad aggressiveness")
    profile: Literal["default", "patient"] = Field(
        "default", description="patient waits longer before it takes a pause for the end"
    )
    silence_ms: int | None = Field(
        None, ge=100, le=10_000, description="silence that ends an utterance; unset: learned"
    )
    hold_off_ms: int = Field(
        300, ge=0, description="time without listening after the assistant's own speech"
    )
    barge_in: Literal["auto", "off", "cancel", "open"] = Field(
        "auto",
        description="listen even while the assistant speaks, and stop when somebody interrupts: "
        "cancel removes the echo here, open leaves that to the sound server; auto: where its own "
        "voice is found not to come back",
    )
    push_to_talk: bool = Field(
        default=False, description="listen only while the talk button is held ('assistant talk')"
    )
    button_gpio: Annotated[int | None, BeforeValidator(empty_is_none)] = Field(
        None,
        ge=0,
        le=27,
        description="GPIO pin (BCM number) with a push button to ground, used as a talk button",
    )
    gain: Literal["off", "auto"] = Field(
        "off",
        description="auto: raise quiet sound, so that somebody far from the microphone is heard",
    )
    only: Annotated[Literal["known"] | None, BeforeValidator(empty_is_none)] = Field(
        None,
        description="known: answer only whoever has read sentences to 'assistant enroll', and no "
        "television and no visitor; a call for help is always answered",
    )
    wake_word: Annotated[
        Literal["alexa", "hey jarvis", "hey mycroft", "okay nabu", "own"] | None,
        BeforeValidator(empty_is_none),
    ] = Field(
        None,
        description="listen only after this word, recognised by its sound, which saves power; "
        "own: the one recorded by 'assistant enroll --wake'; a call for help, too, is then heard "
        "only after it; unset: to everything",
    )
    tuned: ListenTuning = ListenTuning()

    @property
    def has_button(self) -> bool:
        """Whether a talk button has to be held to talk."""
        return self.push_to_talk or self.button_gpio is not None

    @property
    def end_silence_ms(self) -> int:
        """Silence in ms that ends an utterance until one is learned, according to the profile."""
        if self.silence_ms is not None:
            return self.silence_ms
        return 1_800 if self.profile == "patient" else 800

    @property
    def longest_silence_ms(self) -> int:
        """Longest silence in ms that can be learned, according to the profile."""
        if self.tuned.ceiling_ms is not None:
            return self.tuned.ceiling_ms
        return 3_500 if self.profile == "patient" else 2_000


class EncodeSettings(Block):
    """The speech encoder."""

    path: HomePath = Field(
        default_factory=lambda: starter_dir() / "whisper",
        description="a folder with Whisper, or with wav2vec2, HuBERT or WavLM that writes letters",
    )
    adapter: Adapter = Field(
        "auto",
        description="a low-rank adapter (safetensors) for Whisper; auto: the bundled one if it "
        "was made for this model; empty: none",
    )
    language: Annotated[str, AfterValidator(_language)] = Field(
        "en",
        description="spoken language, for a multilingual Whisper; auto: it detects the language",
    )
    words: tuple[str, ...] = Field(
        (), description="your own names and words that Whisper should expect"
    )
    threads: Threads = Field(0, description="CPU threads; 0: all cores")
    execution: Literal["auto", "float", "int8", "onnx-int8"] = Field(
        "auto",
        description="how its network is run; auto: the best way found by 'assistant models tune'",
    )
    early: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_or_off)] = Field(
        "auto",
        description="prepare the reply in every pause, so that it starts sooner; costs power; "
        "auto: not on battery",
    )
    cache: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "encoder",
        description="results and files of 'assistant models tune'",
    )
    ngram_weight: float = Field(
        0.5, ge=0, description="weight of the character n-gram in the transcript; 0: greedy"
    )
    tuned: EncodeTuning = EncodeTuning()


class BridgeSettings(Block):
    """The bridge from speech features to the LLM's embeddings."""

    path: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        default_factory=lambda: starter_dir() / "bridge.safetensors",
        description="a bridge checkpoint to start with; empty: none until one is learned",
    )
    tuned: BridgeTuning = BridgeTuning()


class GenerateSettings(Block):
    """The language model and how it is asked."""

    path: HomePath = Field(
        default_factory=lambda: starter_dir() / "llm.gguf", description="a GGUF instruct model"
    )
    adapter: Adapter = Field(
        "auto",
        description="a low-rank adapter (GGUF) for the model; auto: the bundled one if it was made "
        "for this model; empty: none",
    )
    instruction: str = Field(INSTRUCTION, min_length=1, description="put in front of every turn")
    user_name: str | None = Field(None, description="given to the model in the context line")
    reminders: tuple[str, ...] = Field((), description="given to the model in the context line")
    n_ctx: int = Field(1_024, ge=64, le=1 << 20, description="context length in tokens")
    threads: Threads = Field(0, description="CPU threads; 0: all cores")
    gpu_layers: int = Field(0, ge=-1, le=10_000, description="layers on the GPU; -1: all")
    temperature: float = Field(0.1, ge=0, description="sampling temperature (the paper's 0.1)")
    max_tokens: int = Field(96, ge=1, description="longest reply in tokens")
    max_s: float = Field(30.0, gt=0, description="longest time for one reply")
    remember: Annotated[int | None, BeforeValidator(empty_is_none)] = Field(
        None,
        ge=0,
        description="last exchanges of a conversation that the model is reminded of; "
        "unset: as many as suit it",
    )
    tuned: GenerateTuning = GenerateTuning()


class TurnSettings(Block):
    """The dialogue: when to ask back, how long to wait, and what to answer."""

    ask_back: float = Field(
        0.2,
        ge=0,
        le=1,
        description="asks 'Did you say ...?' when it is less sure than this; 0: never",
    )
    wait_s: float = Field(60.0, ge=0, le=3_600, description="patience after 'wait'")
    follow_up_s: float = Field(
        8.0,
        gt=0,
        le=600,
        description="time after a reply in which no wake phrase or word is needed",
    )
    wake_phrase: Annotated[str | None, AfterValidator(_phrase), BeforeValidator(empty_is_none)] = (
        Field(None, description="answer only what begins with it; unset: everything")
    )
    keep_unaddressed: bool = Field(
        default=False,
        description="also keep what was not answered: without the wake phrase, or another's",
    )
    tuned: TurnTuning = TurnTuning()

    def of_one_question(self) -> TurnSettings:
        """The same for somebody who asks once and cannot reply."""
        return self.model_copy(update={"ask_back": 0.0, "wake_phrase": None})


class SpeakSettings(Block):
    """Speech synthesis and playback."""

    engine: Literal["espeak", "piper"] = Field(
        "espeak", description="piper sounds more natural, and is a separate package"
    )
    voice: str = Field(
        "en-us",
        min_length=1,
        description="espeak-ng voice; for piper an installed one's name, or its folder or file",
    )
    rate_wpm: int = Field(150, ge=80, le=450, description="speaking rate, words per minute")
    pitch: int = Field(50, ge=0, le=99, description="espeak-ng pitch")
    threads: Threads = Field(2, ge=1, description="CPU threads of piper")
    device: str | None = Field(None, description="part of the loudspeaker's name")
    wav_dir: HomePath | None = Field(
        None, description="write replies there instead of playing them"
    )
