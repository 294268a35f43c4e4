"""Constants that were measured or set once, room by room; only code can change them.

Each block of settings carries its room's constants as ``tuned``. Files, the environment and flags
cannot set that: the names that they could set in version 0.1 count for one version more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=10_000)]


@dataclass(frozen=True)
class Tuning:
    """A room's constants; they travel to child processes with the settings."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ListenTuning(Tuning):
    """When an utterance begins and ends."""

    # bench/endpointing.py, 2026-11-21, with synthetic and human speakers
    floor_ms: Annotated[int, Field(ge=300, le=10_000)] = 500
    """Shortest silence that is learned to end an utterance."""
    ceiling_ms: Annotated[int, Field(ge=300, le=10_000)] | None = None
    """Longest one; unset: 2 s, or 3.5 s with the patient profile."""
    cut_offs: Annotated[float, Field(gt=0, le=0.4)] = 0.14
    """Accepted premature cut-offs per correct end."""
    pauses_half_life: Annotated[int, Field(ge=10)] = 500
    """Utterances after which a pause counts half."""
    # set by hand, 2026-11-21
    pre_roll_ms: Milliseconds = 500
    """Sound kept from before the start."""
    start_ms: Annotated[int, Field(ge=20, le=2_000)] = 200
    """Voiced time that starts an utterance."""
    start_window_ms: Annotated[int, Field(ge=20, le=3_000)] = 300
    """Window in which ``start_ms`` is counted."""
    min_ms: Annotated[int, Field(ge=0)] = 240
    """Voiced time below which an utterance is dropped."""
    max_s: Annotated[float, Field(gt=0.5, le=120)] = 20.0
    """Length at which an utterance is cut."""
    queue_s: Annotated[float, Field(gt=0.1)] = 10.0
    """Sound buffered before frames are dropped."""


@dataclass(frozen=True)
class EncodeTuning(Tuning):
    """How the speech encoder searches."""

    beam: Annotated[int, Field(ge=1, le=16)] = 5  # Whisper's own default
    window_s: Annotated[float, Field(ge=5, le=120)] = 20.0
    """Longer recordings are encoded in windows that overlap by 2 s; set by hand, 2026-11-21."""
    ngram_bonus: Amount = 0.8
    """Added per letter, against short readings; models/recipe/evaluate.py, 2026-11-21."""


@dataclass(frozen=True)
class BridgeTuning(Tuning):
    """When the bridge's reading is taken, and how it is searched."""

    # set by hand on the scale of calibrated confidence, 2026-11-29
    min_confidence: Share = 0.5
    """Below this the transcript takes the turn."""
    margin: Share = 0.1
    """How much surer than the transcript the bridge must be; models/recipe/evaluate.py."""
    # set by hand, 2026-11-29, so that a bridge that was taught shuffled sentences stays out
    learned_min_confidence: Share = 0.002
    """``min_confidence`` of a bridge that has learned this voice."""
    learned_margin: Annotated[float, Field(ge=-1, le=1)] = -0.5
    """``margin`` of such a bridge; below 0 it may be less sure."""
    # models/recipe/evaluate.py, 2026-11-21
    ngram_weight: Amount = 0.3
    """Weight of the encoder's character n-gram; 0: none."""
    ngram_bonus: Amount = 0.4
    """Added per letter, against short readings."""


@dataclass(frozen=True)
class GenerateTuning(Tuning):
    """How the language model runs."""

    n_batch: Annotated[int, Field(ge=8)] = 512
    """Most tokens decoded at once; llama.cpp's physical batch."""
    top_k: Count = 50  # the paper's
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class TurnTuning(Tuning):
    """When it asks back."""

    learned_ask_back: Share = 0.02
    """Most that ``ask_back`` is for a learned bridge; bench/asking_back.py, 2026-11-29."""


@dataclass(frozen=True)
class JournalTuning(Tuning):
    """The journal's memory."""

    waiting_mb: Annotated[int, Field(ge=0)] = 32
    """For recordings that a full or locked disk does not take; set by hand, 2026-11-21."""


@dataclass(frozen=True)
class PersonaliseTuning(Tuning):
    """How bridges are trained and judged."""

    confident_weight: Share = 0.2
    """Weight of unconfirmed hypotheses beside confirmed ones; set by hand, 2026-11-21."""
    # the paper's
    rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """AdamW's learning rate."""
    alpha: Amount = 1.0
    """Weight of the squared error in EmbedLink."""
    beta: Amount = 1.0
    """Weight of the cosine distance in EmbedLink."""
    slots: Annotated[int, Field(ge=1, le=512)] = 30
    """Casted token size T of the pooled head."""
    batch: Annotated[int, Field(ge=1, le=256)] = 16
    """Utterances per step; set by hand, 2026-11-21."""
    seed: Annotated[int, Field(ge=0)] = 0
    # set by hand, 2026-11-21
    min_held_out: Count = 2
    """Held-out utterances below which nothing is promoted."""
    reply_margin: Share = 0.02
    """By how much replies must get better (ROUGE-1)."""
    reading_margin: Share = 0.02
    """By how much token errors must fall."""
    canary_margin: Share = 0.06
    """How much common talk may suffer (ROUGE-1, token errors); bench/personalise.py."""


@dataclass(frozen=True)
class IdleTuning(Tuning):
    """How trainings pause and recover; set by hand, 2026-11-21."""

    resume_s: Amount = 2.0
    """Quiet after which a training paused by speech goes on."""
    retry_s: Amount = 600.0
    """Wait after a training that died; doubled each time, up to a day."""
    hang_s: Annotated[float, Field(gt=0)] = 180.0
    """Silence of the trainer after which it counts as dead."""
