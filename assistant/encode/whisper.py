"""Whisper: features, transcript and word times, all from one pass of its encoder.

Two engines can run it: CTranslate2 (``ctranslate``), and torch for folders in the hub's layout
(``whisper_torch``). Only the frames of the sound itself are kept: those of the silence after it
hold no information, and would take 3 MB a turn in the journal instead of 0.5.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.config import EncodeSettings
from assistant.encode.adaptable import Adaptable
from assistant.encode.hallucination import CAPTIONS, Evidence, is_speech
from assistant.encode.tokens import Tokens, written
from assistant.encode.tuning_record import Execution
from assistant.errors import EncoderError
from assistant.nets.calibration import WHISPER
from assistant.spoken import said_words
from assistant.values import SAMPLE_RATE, Adaptation, SpeechFeatures, Transcript, Utterance, Word

HOP = 320
"""Samples from frame to frame of the encoder's output."""

PIECE = (2 / 3, 14 / 15)
"""Shares of the window: longer sound is cut at its quietest place between the two."""

_QUIET = SAMPLE_RATE // 5
"""Samples over which loudness is averaged to find that place."""

TOKENS = (16, 8)
"""Most tokens of a transcript: a base, and more for each second of sound."""

PROMPT_TOKENS = 96
"""Most tokens of expected words; Whisper takes 223."""

LEAST_PROBABILITY = 1e-12
"""Of a token, so that its logarithm is finite."""

LOOP = 2.4
"""A text that zlib shrinks by more than this factor is going in circles (Whisper's own figure)."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The output of an engine's encoder."""

    frames: NDArray[np.float32]  # (n_frames, dim), including the silence after the sound
    handle: Any  # for the engine's decoder


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Tokens of a text, without special ones, and how unlikely speech was."""

    tokens: list[int]
    no_speech: float  # probability of the token for "nobody speaks", 0 to 1
    others: Sequence[list[int]] = ()  # less likely texts, if several were followed


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """When and how surely each token of a text was said."""

    seconds: NDArray[np.float64]  # beginning of each token, and the end: (n_tokens + 1,)
    probabilities: NDArray[np.float64]  # (n_tokens,)


class Engine(Protocol):
    """Runs a Whisper model."""

    @property
    def fingerprint(self) -> str:
        """Identifies weights and arithmetic."""
        ...

    @property
    def execution(self) -> Execution:
        """How its network is computed."""
        ...

    @property
    def dim(self) -> int:
        """Width of a frame."""
        ...

    @property
    def window_s(self) -> float:
        """Longest sound that it accepts at once."""
        ...

    @property
    def tokens(self) -> Tokens | None:
        """The decoder's tokens; none if there is no decoder."""
        ...

    def encode(self, samples: NDArray[np.float32]) -> Encoded:
        """Frames of a piece of sound that fits into the window."""
        ...

    def language(self, encoded: Encoded) -> str:
        """The code of the spoken language."""
        ...

    def decode(
        self, encoded: Encoded, prompt: Sequence[int], *, beam: int, longest: int, again: bool
    ) -> Hypothesis:
        """The most likely text after a prompt.

        Args:
            encoded: the sound.
            prompt: tokens before the text.
            beam: number of hypotheses followed at once.
            longest: most tokens of the text.
            again: whether the first text went in circles; then no three tokens may repeat.
        """
        ...

    def align(self, encoded: Encoded, start: Sequence[int], text: Sequence[int]) -> Alignment:
        """When each token of a text was said, by the decoder's attention to the sound."""
        ...

    def weigh(
        self, frames: NDArray[np.float32], start: Sequence[int], texts: Sequence[Sequence[int]]
    ) -> NDArray[np.float64]:
        """How likely each text is: natural logarithms of probabilities, (n_texts,).

        Args:
            frames: of the sound, (n_frames, dim); they may have been kept since the turn.
            start: tokens before each text.
            texts: tokens of at least one text.
        """
        ...

    def export(self, cache: Path) -> None:
        """Write the network for ONNX Runtime, as ``Encoder.export``."""
        ...

    def adaptable(self, language: str) -> Adaptable | None:
        """What trains its own weights on transcripts in a language; none if they cannot learn."""
        ...


class WhisperEncoder:
    """A Whisper model that transcribes, run by an engine.

    Args:
        engine: with the model's own weights.
        settings: language, search and expected words.
        opened: opens an engine with changed weights, or with its own for ``None``.

    Raises:
        EncoderError: if the model does not know the language in the settings.
    """

    def __init__(
        self,
        engine: Engine,
        settings: EncodeSettings,
        opened: Callable[[Adaptation | None], Engine] | None = None,
    ) -> None:
        self._opened = opened
        self._hears = engine, engine.fingerprint  # with that of its features
        self.fingerprint = engine.fingerprint
        self.execution: Execution = engine.execution
        self.dim = engine.dim
        self.frame_rate = SAMPLE_RATE / HOP
        self.spelling = None
        self.transcribes = engine.tokens is not None
        self._known: dict[object, _Piece] = {}
        self._beam = settings.tuned.beam
        self._language = settings.language
        self._words = settings.words
        if engine.tokens is not None and settings.language != "auto":
            engine.tokens.start(settings.language)  # refuses what it does not know

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of what it writes down: the language in the settings, or all for "auto"."""
        tokens = self._hears[0].tokens
        if self._language != "auto" or tokens is None:
            return (self._language,)
        return tokens.languages

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance of any length."""
        engine, fingerprint = self._hears  # once: another thread may adapt it meanwhile
        frames, transcript, evidence = self._heard(engine, utterance)
        if not is_speech(evidence):
            transcript = Transcript("", 0.0)
        return SpeechFeatures(frames, self.frame_rate, transcript, fingerprint)

    def adapt(self, adaptation: Adaptation | None) -> None:
        """Hear with changed weights from now on, or with its own; see ``Adapts``."""
        wanted = self.fingerprint
        if adaptation is not None:
            wanted = adaptation.features_of(wanted)
        if wanted == self._hears[1]:
            return
        if self._opened is None:
            raise EncoderError(
                "The weights of this speech encoder cannot be changed. Set encode.path to a "
                "Whisper model in CTranslate2's format."
            )
        self._hears = self._opened(adaptation), wanted
        self._known = {}

    def adaptable(self) -> Adaptable | None:
        """What trains its own weights; see ``Adapts``."""
        return self._engine.adaptable("en" if self._language == "auto" else self._language)

    def hear(self, utterance: Utterance) -> tuple[NDArray[np.float32], Transcript, Evidence]:
        """Frames (n_frames, dim), the transcript it would write, and the evidence for that."""
        return self._heard(self._engine, utterance)

    def _heard(
        self, engine: Engine, utterance: Utterance
    ) -> tuple[NDArray[np.float32], Transcript, Evidence]:
        frames: list[NDArray[np.float32]] = []
        heard: list[_Heard] = []
        # somebody who talks on is heard anew in each pause: of the pieces before the last, which
        # stay as they are, only what has been heard is kept, and until the next utterance
        known, self._known = self._known, {}
        expected = (*utterance.expected, *self._words)  # of too many, the user's own are told
        for start, samples in pieces(utterance.samples, engine.window_s):
            key = id(engine), start, expected, hashlib.blake2b(samples.tobytes()).digest()
            piece = known.get(key) or self._piece(engine, samples, start, expected)
            if round(start * SAMPLE_RATE) + len(samples) < len(utterance.samples):
                self._known[key] = piece
            frames.append(piece.frames)
            if piece.heard is not None:
                heard.append(piece.heard)
        words = tuple(word for each in heard for word in each.words)
        others = heard[0].others if len(heard) == 1 else ()
        text = " ".join(each.text for each in heard if each.text)
        confidence = WHISPER([word.confidence for word in words])
        evidence = replace(
            Evidence.of([each.evidence for each in heard]), voiced_s=utterance.voiced_s
        )
        transcript = Transcript(text, confidence, words, others)
        return np.ascontiguousarray(np.concatenate(frames)), transcript, evidence

    def _piece(
        self,
        engine: Engine,
        samples: NDArray[np.float32],
        start: float,
        expected: Sequence[str],
    ) -> _Piece:
        encoded = engine.encode(samples)
        heard = None
        if engine.tokens is not None:
            before = engine.tokens.expecting(expected, PROMPT_TOKENS)
            heard = self._read(engine, engine.tokens, encoded, samples, start, before)
        return _Piece(encoded.frames[: max(1, -(-len(samples) // HOP))], heard)

    def weigh(self, features: SpeechFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely each text is, given the sound; see ``Weighs``."""
        tokens = self._engine.tokens
        read = [] if tokens is None else [tokens.of(written(text)) for text in texts]
        if tokens is None or not all(read):
            return np.zeros(len(texts))
        language = "en" if self._language == "auto" else self._language
        return self._engine.weigh(features.frames, tokens.start(language), read)

    def ctc_head(self) -> None:
        """It has no letters on its frames."""

    def export(self, cache: Path) -> None:
        """Write the network for ONNX Runtime; it must run in float. ``AttuneError`` if it fails."""
        self._engine.export(cache)

    @property
    def _engine(self) -> Engine:
        return self._hears[0]

    def _read(
        self,
        engine: Engine,
        tokens: Tokens,
        encoded: Encoded,
        samples: NDArray[np.float32],
        begins_at: float,
        before: Sequence[int],
    ) -> _Heard:
        """The text of one piece, after the tokens of expected words."""
        language = self._language
        if language == "auto":
            language = engine.language(encoded)
        start = tokens.start(language)
        longest = TOKENS[0] + round(TOKENS[1] * len(samples) / SAMPLE_RATE)
        found = Hypothesis([], 1.0)
        for again in (False, True):
            found = engine.decode(
                encoded, [*before, *start], beam=self._beam, longest=longest, again=again
            )
            if not loops(tokens.text(found.tokens)):
                break
        text = tokens.text(found.tokens).strip()
        if not said_words(text):
            return _Heard("", (), Evidence.of([]))
        aligned = engine.align(encoded, [*before, *start], found.tokens)
        words = tuple(_words(tokens, found.tokens, aligned, begins_at, len(samples) / SAMPLE_RATE))
        evidence = Evidence(
            log_prob=float(np.log(aligned.probabilities + 1e-6).mean()),
            no_speech=found.no_speech,
            n_words=len(said_words(text).split()),
            loops=loops(text),
            is_caption=said_words(text) in CAPTIONS,
        )
        others = (tokens.text(each).strip() for each in found.others)
        return _Heard(text, words, evidence, tuple(each for each in others if said_words(each)))


@dataclass(frozen=True, slots=True)
class _Heard:
    """The transcript of one piece."""

    text: str
    words: tuple[Word, ...]
    evidence: Evidence
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """What is heard in a piece."""

    frames: NDArray[np.float32]  # (n_frames, dim)
    heard: _Heard | None  # none if the model does not transcribe


def pieces(
    samples: NDArray[np.float32], window_s: float
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Cuts mono 16 kHz sound (n_samples,) to fit the window; each piece with its start in s."""
    start = 0
    first, last = (round(share * window_s * SAMPLE_RATE) for share in PIECE)
    while len(samples) - start > last:
        around = np.square(samples[start + first : start + last], dtype=np.float64)
        loudness = np.convolve(around, np.ones(_QUIET), "valid")
        end = (start + first + int(loudness.argmin()) + _QUIET // 2) // HOP * HOP
        yield start / SAMPLE_RATE, samples[start:end]
        start = end
    yield start / SAMPLE_RATE, samples[start:]


def loops(text: str) -> bool:
    """Whether a text repeats itself again and again, as Whisper does when it is lost."""
    data = text.encode()
    return len(data) > LOOP * len(zlib.compress(data))


def _words(
    tokens: Tokens, text: Sequence[int], aligned: Alignment, begins_at: float, seconds: float
) -> Iterator[Word]:
    """Words with their times in the recording, of which this piece is ``seconds`` long."""
    for first, last in tokens.words(text):
        begin, end = np.minimum(aligned.seconds[[first, last]], seconds)
        said = tokens.text(text[first:last]).strip()
        if said_words(said):
            probability = float(aligned.probabilities[first:last].mean())
            yield Word(said, begins_at + float(begin), begins_at + float(end), probability)
