"""All settings: one frozen block per room, with defaults and ranges."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from assistant.config.tuning import (
    BridgeTuning,
    EncodeTuning,
    GenerateTuning,
    IdleTuning,
    JournalTuning,
    ListenTuning,
    PersonaliseTuning,
    TurnTuning,
)
from assistant.kinds import AUTO, known

INSTRUCTION = (
    "You are Attune, a kind companion at home. Answer briefly and plainly. "
    "If you do not know something, say so."
)


def starter_dir() -> Path:
    """Folder of the bundled starter models, in an installed wheel or in a checkout."""
    return _bundled("starter")


def catalog_file() -> Path:
    """The catalogue of models to download, in an installed wheel or in a checkout."""
    return _bundled("catalog.toml")


def _bundled(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / name
    return installed if installed.exists() else package.parent / "models" / name


def _runtime_dir() -> Path:
    """Where sockets go: the service's folder from systemd, the login's, else the user's data."""
    if service := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(service)
    if login := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(login) / "attune"
    return user_data_path("attune")


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} is no user of this machine") from None


HomePath = Annotated[Path, AfterValidator(_at_home)]
"""A path in which ``~`` stands for the user's home folder."""

Threads = Annotated[int, Field(ge=0, le=128)]
"""More abort llama.cpp, or start so many that the machine stands still."""

_MOST = 1e9
"""Largest number in any setting; beyond it sums of times and sizes overflow."""


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _hours(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise ValueError('it should look like "22:00-06:00"')
    return text


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


class Block(BaseModel):
    """A room's settings: immutable, and strict about names; ``tuned`` holds its constants."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    @field_validator("*")
    @classmethod
    def _bounded(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("it contains a zero byte")
        if isinstance(value, int | float) and not abs(value) <= _MOST:
            raise ValueError(f"it should be at most {_MOST:.0f}")
        return value


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
    barge_in: Literal["off", "cancel", "open"] = Field(
        "off",
        description="listen even while the assistant speaks, and stop when somebody interrupts: "
        "cancel removes the echo here, open leaves that to the sound server",
    )
    push_to_talk: bool = Field(
        default=False, description="listen only while the talk button is held ('assistant talk')"
    )
    button_gpio: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        ge=0,
        le=27,
        description="GPIO pin (BCM number) with a push button to ground, used as a talk button",
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

    path: Annotated[HomePath | None, BeforeValidator(_empty_is_none)] = Field(
        default_factory=lambda: starter_dir() / "bridge.safetensors",
        description="a bridge checkpoint to start with; empty: none until one is learned",
    )
    tuned: BridgeTuning = BridgeTuning()


class GenerateSettings(Block):
    """The language model and how it is asked."""

    path: HomePath = Field(
        default_factory=lambda: starter_dir() / "llm.gguf", description="a GGUF instruct model"
    )
    adapter: Annotated[Literal["auto"] | HomePath | None, BeforeValidator(_empty_is_none)] = Field(
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
    remember: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(
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
        8.0, gt=0, le=600, description="time after a reply in which the wake phrase is not needed"
    )
    wake_phrase: Annotated[str | None, AfterValidator(_phrase), BeforeValidator(_empty_is_none)] = (
        Field(None, description="answer only what begins with it; unset: everything")
    )
    keep_unaddressed: bool = Field(
        default=False, description="also keep what was said without the wake phrase"
    )
    tuned: TurnTuning = TurnTuning()


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


def _one_is_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _web_address(text: str | None) -> str | None:
    if text is not None and not text.startswith(("http://", "https://")):
        raise ValueError("it should begin with http:// or https://")
    return text


class HouseholdSettings(Block):
    """Reminders, calendars, and who is called for help."""

    again_minutes: float = Field(
        5.0, gt=0, le=120, description="an unanswered reminder is repeated after this time"
    )
    times: int = Field(4, ge=1, le=50, description="how often a reminder is said at most")
    ring_minutes: float = Field(
        10.0, gt=0, le=120, description="longest ringing of a timer or an alarm"
    )
    appointment_minutes: float = Field(
        15.0, ge=0, le=1_440, description="how long before it begins an appointment is mentioned"
    )
    calendars: Annotated[tuple[HomePath, ...], BeforeValidator(_one_is_several)] = Field(
        (), description=".ics files with appointments, or folders of them"
    )
    sentences: Annotated[HomePath | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="a YAML file with your own ways of asking for something"
    )
    help_command: Annotated[tuple[str, ...], BeforeValidator(_one_is_several)] = Field(
        (), description="a program, and its arguments, that is run when somebody calls for help"
    )
    help_webhook: Annotated[
        str | None, AfterValidator(_web_address), BeforeValidator(_empty_is_none)
    ] = Field(
        None, description="an address in the local network that is posted to on a call for help"
    )
    help_name: str = Field(
        "whoever helps you", min_length=1, description="whom these reach, as it is said"
    )


class JournalSettings(Block):
    """The database of exchanges."""

    path: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "journal.db", description="SQLite file"
    )
    keep_days: int = Field(
        0, ge=0, description="exchanges older than this are erased; 0: kept forever"
    )
    keep_mb: int = Field(
        0, ge=0, description="the oldest exchanges beyond this size are erased; 0: no limit"
    )
    keep_taught: bool = Field(
        default=True, description="always keep what was read aloud, corrected or confirmed"
    )
    tuned: JournalTuning = JournalTuning()


class PersonaliseSettings(Block):
    """Learning the user's speech: from what, how, and how a new bridge is judged."""

    enabled: bool = Field(default=True, description="learn automatically when the device is idle")
    folder: Annotated[HomePath | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="where learned bridges are kept; unset: next to the journal"
    )
    head: Annotated[str, AfterValidator(known)] = Field(
        AUTO,
        description="which kind of bridge to train; auto: adapted if the encoder is a Whisper that "
        "can learn, else letters",
    )
    confident: float = Field(
        0.8,
        ge=0,
        le=1,
        description="also learn from unconfirmed transcripts that are at least this sure",
    )
    held_out: float = Field(
        0.2,
        gt=0,
        lt=1,
        description="share of the examples used only for judging, never for training",
    )
    steps: int = Field(0, ge=0, description="maximum training steps; 0: as many as the head needs")
    max_minutes: float = Field(20.0, gt=0, description="longest training")
    replay: int = Field(
        240, ge=0, description="sentences of common talk to train on in addition to the user's"
    )
    canaries: int = Field(40, ge=0, description="sentences of common talk that must not get worse")
    threads: Threads = Field(1, ge=1, description="CPU threads of the trainer")
    memory_mb: int = Field(1_000, ge=300, description="most memory the trainer may use")
    socket: Annotated[HomePath | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="Unix socket at which systemd starts trainers; unset: Attune starts them"
    )
    tuned: PersonaliseTuning = PersonaliseTuning()


class IdleSettings(Block):
    """When the device counts as idle, so that learning does not disturb anyone."""

    quiet_s: float = Field(300.0, ge=0, description="time without speech")
    min_new: int = Field(5, ge=1, description="new examples since the last training")
    max_load: float = Field(0.7, gt=0, description="load average per core")
    max_celsius: float = Field(70.0, gt=0, description="temperature of the hottest zone")
    min_free_mb: int = Field(
        600, ge=0, description="free memory in addition to what the trainer needs"
    )
    min_disk_mb: int = Field(200, ge=0, description="free disk space")
    on_battery: bool = Field(default=False, description="even without mains power")
    hours: Annotated[str, AfterValidator(_hours)] | None = Field(
        None, description='only then, local time, such as "22:00-06:00"; unset: always'
    )
    tuned: IdleTuning = IdleTuning()


class ModelsSettings(Block):
    """Where downloaded and imported models are kept."""

    folder: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "models",
        description="a folder for each model; gigabytes",
    )
    everyday: Literal["auto", "off"] = Field(
        "auto",
        description="auto: 'run' uses the everyday models in place of those that are not set",
    )


class ControlSettings(Block):
    """The socket through which commands reach the running daemon."""

    path: HomePath = Field(
        default_factory=lambda: _runtime_dir() / "control.sock",
        description="Unix socket",
    )
    group: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description='group whose members may also use it, such as "attune"; unset: your own'
    )


class ServiceSettings(Block):
    """When a supervised daemon counts as unhealthy, so that it is restarted."""

    deaf_s: float = Field(3.0, gt=0, description="time without sound from an open microphone")
    stuck_s: float = Field(90.0, gt=0, description="time without progress on an answer")


class Settings(Block):
    """Everything, one block per room."""

    listen: ListenSettings = Field(default_factory=lambda: ListenSettings.model_validate({}))
    encode: EncodeSettings = Field(default_factory=lambda: EncodeSettings.model_validate({}))
    bridge: BridgeSettings = Field(default_factory=lambda: BridgeSettings.model_validate({}))
    generate: GenerateSettings = Field(default_factory=lambda: GenerateSettings.model_validate({}))
    turn: TurnSettings = Field(default_factory=lambda: TurnSettings.model_validate({}))
    speak: SpeakSettings = Field(default_factory=lambda: SpeakSettings.model_validate({}))
    household: HouseholdSettings = Field(
        default_factory=lambda: HouseholdSettings.model_validate({})
    )
    journal: JournalSettings = Field(default_factory=lambda: JournalSettings.model_validate({}))
    personalise: PersonaliseSettings = Field(
        default_factory=lambda: PersonaliseSettings.model_validate({})
    )
    idle: IdleSettings = Field(default_factory=lambda: IdleSettings.model_validate({}))
    models: ModelsSettings = Field(default_factory=lambda: ModelsSettings.model_validate({}))
    control: ControlSettings = Field(default_factory=lambda: ControlSettings.model_validate({}))
    service: ServiceSettings = Field(default_factory=lambda: ServiceSettings.model_validate({}))
    route: Literal["auto", "bridge", "transcript"] = Field(
        "auto", description="auto: the bridge if its reading is confident, else the transcript"
    )

    @property
    def bridges(self) -> Path:
        """Folder of the learned bridges."""
        return self.personalise.folder or self.journal.path.parent / "bridges"
