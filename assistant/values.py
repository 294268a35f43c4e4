"""Small frozen values that travel between the packages.

Arrays are made read-only when a value is created, so it can be handed to another thread without
copying. Dataclasses that hold arrays compare by identity (``eq=False``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from assistant.spoken import said_words

if TYPE_CHECKING:  # a command that only reads texts does without numpy
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second everywhere inside Attune."""

FRAME_MS = 20
"""Length of one audio frame; webrtcvad takes 10, 20 or 30 ms."""

FRAME_SAMPLES = SAMPLE_RATE * FRAME_MS // 1000

MICROPHONE = "microphone"
"""Source of what the user said; nothing else teaches unless somebody gave it for that."""

_STRICT = ConfigDict(extra="forbid")  # when it is read from JSON


class EndReason(str, Enum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    STOP = "stop"  # the source ended or Attune was asked to stop


class Route(str, Enum):
    """How an utterance reached the LLM (docs/architecture.md, decision 2)."""

    BRIDGE = "bridge"
    TRANSCRIPT = "transcript"


class StopReason(str, Enum):
    """Why the reply ended."""

    END_OF_TURN = "end_of_turn"
    MAX_TOKENS = "max_tokens"
    MAX_TIME = "max_time"
    CANCELLED = "cancelled"
    REPEATED = "repeated"  # the language model had begun to say the same again
    ASKED_BACK = "asked_back"  # the reply asks whether it was understood right
    SKILL = "skill"  # code wrote the reply, and no language model


def sealed(array: NDArray[np.generic], dtype: str, ndim: int, what: str) -> None:
    """Check type and rank once, at creation, and make the array read-only.

    Raises:
        TypeError: if the array has another dtype or rank than its field promises.
    """
    if array.dtype != dtype or array.ndim != ndim:
        raise TypeError(
            f"{what} must be {dtype} with {ndim} dimension(s), "
            f"got {array.dtype.name} of shape {array.shape}"
        )
    array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class AudioFrame:
    """20 ms of sound as the device gave it."""

    samples: NDArray[np.int16]  # mono 16 kHz, shape (FRAME_SAMPLES,)
    captured_at: float  # seconds, monotonic clock (replay: seconds into the recording)

    def __post_init__(self) -> None:
        sealed(self.samples, "int16", 1, "AudioFrame.samples")


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One stretch of speech, with its pre-roll, as the endpointer cut it."""

    samples: NDArray[np.float32]  # mono 16 kHz in [-1, 1], shape (n_samples,)
    started_at: datetime  # wall clock, timezone-aware
    end_reason: EndReason
    endpoint_ms: float = 0.0  # silence waited for after the last voiced frame
    source: str = "unknown"  # ``MICROPHONE``, or the path of the recording
    over_reply: bool = False  # it began while the assistant spoke, and interrupted it
    is_half: bool = False  # it began while nothing was listened to: its first words are missing
    voiced_s: float | None = None  # time that the voice activity detector counted as voice, if used
    contrast_db: float | None = None  # how far it rose above a background; none if there was none
    expected: tuple[str, ...] = ()  # words that may well be in it, the likeliest last

    def __post_init__(self) -> None:
        sealed(self.samples, "float32", 1, "Utterance.samples")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[0] / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a transcript with its place in the recording."""

    __pydantic_config__ = _STRICT

    text: str
    start_s: float
    end_s: float
    confidence: float  # mean probability of the word's characters or tokens, 0 to 1


@dataclass(frozen=True, slots=True)
class Transcript:
    """The encoder's own hypothesis of what was said."""

    text: str  # as the encoder writes it, with case and punctuation where it has them
    confidence: float  # the chance that every word is right, 0 to 1; 0 for an empty text
    words: tuple[Word, ...] = ()
    others: tuple[str, ...] = ()  # less likely hypotheses, the likeliest first

    @property
    def spoken(self) -> str:
        """The words alone, in lower case: what is matched, scored and learned from."""
        return said_words(self.text)


@dataclass(frozen=True, slots=True, eq=False)
class SpeechFeatures:
    """The frozen encoder's output for an utterance."""

    frames: NDArray[np.float32]  # shape (n_frames, encoder_dim)
    frame_rate: float  # frames per second
    transcript: Transcript
    encoder: str  # fingerprint of the encoder's weights

    def __post_init__(self) -> None:
        sealed(self.frames, "float32", 2, "SpeechFeatures.frames")


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """What a bridge changes in the encoder's own weights."""

    version: str  # of the bridge
    # for the matrices of these names (outputs, rank) and (rank, inputs), whose product is added
    changes: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

    def features_of(self, encoder: str) -> str:
        """The fingerprint of features from an encoder that is changed so."""
        return f"{encoder}+{self.version}"


@dataclass(frozen=True, slots=True, eq=False)
class SoftPrompt:
    """An utterance in the LLM's own embedding space, padding slots dropped."""

    rows: NDArray[np.float32]  # shape (n_tokens, llm_dim), on the scale of the GGUF's raw rows
    bridge: str  # version of the bridge that made it
    confidence: float  # the chance that all of it is right, 0 to 1; 0 when there are no rows
    heard: str  # the nearest-token reading

    def __post_init__(self) -> None:
        sealed(self.rows, "float32", 2, "SoftPrompt.rows")


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds per stage of one turn; ``None`` where a stage did not happen."""

    __pydantic_config__ = _STRICT

    endpoint: float | None = None  # silence before the turn began
    encode: float | None = None
    bridge: float | None = None
    prefill: float | None = None  # context line + soft prompt or transcript + header
    first_token: float | None = None  # from the end of endpointing
    first_audio: float | None = None  # from the end of endpointing
    total: float | None = None  # until all is written and begins to sound; not its speaking


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    text: str
    route: Route
    stop_reason: StopReason
    timings: Timings = field(default_factory=Timings)
