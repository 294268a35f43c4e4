"""Constants that were measured or set once, room by room; only code can change them.

Each block of settings holds its room's constants in ``tuned``. Files, the environment and flags
cannot set that; the names that they could set in version 0.1 still work for one more version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Tuning:
    """A room's constants; they travel to child processes with the settings."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ListenTuning(Tuning):
    """When an utterance begins and ends."""

    # measured by bench/endpointing.py, 2026-11-21, with synthetic and human speakers
    floor_ms: Annotated[int, Field(ge=300, le=10_000)] = 500  # shortest silence that is learned
    ceiling_ms: Annotated[int, Field(ge=300, le=10_000)] | None = None  # longest; None: by profile
    cut_offs: Annotated[float, Field(gt=0, le=0.4)] = (
        0.14  # accepted premature cut-offs per correct end
    )
    pauses_half_life: Annotated[int, Field(ge=10)] = 500  # utterances after which one counts half
    # measured by bench/homes.py, 2026-11-30
    foreground: bool = True  # leave out what is softer than the speaker; see listen/foreground.py
    # set by hand, 2026-11-21
    pre_roll_ms: Annotated[int, Field(ge=0, le=2_000)] = 500  # kept from before the start
    start_ms: Annotated[int, Field(ge=20, le=2_000)] = 200  # voiced time that starts an utterance
    start_window_ms: Annotated[int, Field(ge=20, le=3_000)] = 300  # in which start_ms is counted
    min_ms: Whole = 240  # voiced time below which an utterance is dropped
    max_s: Annotated[float, Field(gt=0.5, le=120)] = 20.0  # at which what is no speech is cut
    longest_s: Annotated[float, Field(gt=0.5, le=600)] = 300.0  # at which speech is cut: 20 MB
    queue_s: Annotated[float, Field(gt=0.1)] = 10.0  # buffered before frames are dropped


@dataclass(frozen=True)
class EncodeTuning(Tuning):
    """How the speech encoder searches."""

    beam: Annotated[int, Field(ge=1, le=16)] = 5  # hypotheses of Whisper; its own default
    # set by hand, 2026-11-21; longer recordings are encoded in windows that overlap by 2 s
    window_s: Annotated[float, Field(ge=5, le=120)] = 20.0
    # measured by models/recipe/evaluate.py, 2026-11-21
    ngram_bonus: Amount = 0.8  # added per letter, against short readings


@dataclass(frozen=True)
class BridgeTuning(Tuning):
    """When the bridge's reading is used, and how it is searched."""

    # set by hand on the scale of calibrated confidence, 2026-11-29
    min_confidence: Share = 0.5  # below this the transcript is used
    # measured by models/recipe/evaluate.py, 2026-11-21
    margin: Share = 0.1  # how much surer than the transcript the bridge must be
    ngram_weight: Amount = 0.3  # of the encoder's character n-gram; 0: none
    ngram_bonus: Amount = 0.4  # added per letter, against short readings
    # set by hand, 2026-11-29, so that a bridge trained on shuffled sentences is not used
    learned_min_confidence: Share = 0.002  # for a bridge that has learned this voice
    learned_margin: Annotated[float, Field(ge=-1, le=1)] = -0.5  # below 0 it may be less sure


@dataclass(frozen=True)
class GenerateTuning(Tuning):
    """How the language model runs."""

    n_batch: Annotated[int, Field(ge=8)] = 512  # most tokens decoded at once; llama.cpp's default
    top_k: Count = 50  # the paper's
    seed: Whole = 0  # of sampling; any will do
    # measured by bench/conversation.py with SmolLM2-135M, 2026-11-29: 6 are no better
    remember_small: Whole = 3  # exchanges for models below 200 MB
    # what is in the line is answered by skills, and SmolLM2-135M answers the line instead of the
    # person: of 12 follow-ups 1 right with it and 5 without (bench/conversation.py, 2026-11-29)
    context_from: Whole = 200_000_000  # bytes of the smallest model that is given the context line
    remember_large: Whole = 8  # as many as 1,024 tokens hold; set by hand, 2026-11-29
    silence_s: Positive = 300.0  # after which a new conversation begins; set by hand, 2026-11-29


@dataclass(frozen=True)
class TurnTuning(Tuning):
    """When it asks back."""

    # set by hand on the scale of calibrated confidence, 2026-11-29; see bench/asking_back.py
    learned_ask_back: Share = (
        0.02  # upper limit of ask_back for a bridge that has learned the voice
    )
    sure_to_act: Share = 0.4  # asks before it does what it is less sure of


@dataclass(frozen=True)
class JournalTuning(Tuning):
    """The journal's memory."""

    waiting_mb: Whole = 32  # of recordings while the disk is full; set by hand, 2026-11-21


@dataclass(frozen=True)
class PersonaliseTuning(Tuning):
    """How bridges are trained and judged."""

    # the paper's
    rate: Annotated[float, Field(gt=0, le=1)] = 1e-3  # AdamW's learning rate
    alpha: Amount = 1.0  # weight of the squared error in EmbedLink
    beta: Amount = 1.0  # weight of the cosine distance in EmbedLink
    slots: Annotated[int, Field(ge=1, le=512)] = 30  # casted token size T of the pooled head
    # set by hand, 2026-11-21
    confident_weight: Share = 0.2  # of unconfirmed hypotheses beside confirmed ones; 0: not used
    batch: Annotated[int, Field(ge=1, le=256)] = 16  # utterances per step
    seed: Whole = 0  # of everything drawn at random in training
    min_held_out: Count = 2  # with fewer held-out utterances nothing is promoted
    canary_margin: Share = 0.005  # by how much word error in common talk may rise
    # set by hand, 2026-11-30, so that a gain on two recordings can count; see bench/gate.py
    gate_level: Annotated[float, Field(gt=0, le=1)] = (
        0.125  # chance that is borne of 8 recordings or more
    )
    least_right: Share = 1 / 3  # of the words; texts that were mixed up stay below


@dataclass(frozen=True)
class IdleTuning(Tuning):
    """How trainings pause and recover."""

    # set by hand, 2026-11-21
    resume_s: Amount = 2.0  # quiet after which a training paused by speech continues
    retry_s: Amount = 600.0  # wait after a training that died; doubled each time, up to a day
    hang_s: Positive = 180.0  # silence of the trainer after which it counts as dead
