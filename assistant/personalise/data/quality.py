"""Whether a recording is good enough to learn from: its level, and whether its text fits it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.spoken import shortest_s
from assistant.values import FRAME_SAMPLES, EndReason, Utterance

CLIPPED = 0.999
"""A sample of at least this magnitude counts as clipped."""

QUIET_DB = -42.0
"""Speech below this level drowns in the noise of most rooms."""

SILENT_DB = -70.0
"""Below this level nothing was recorded: the microphone was off, or the file is empty."""


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a recording is."""

    decibels: float  # of its loud parts, relative to full scale
    clipped: bool  # whether the loudest samples are distorted

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> Level:
        """Measure a recording, mono 16 kHz in [-1, 1], shape (n_samples,)."""
        whole = samples[: samples.shape[0] // FRAME_SAMPLES * FRAME_SAMPLES]
        power = np.square(whole, dtype=np.float64).reshape(-1, FRAME_SAMPLES).mean(axis=1)
        loud = float(np.quantile(power, 0.9)) if power.size else 0.0
        clipped = np.count_nonzero(np.abs(samples) >= CLIPPED) > 0.0005 * samples.shape[0]
        return cls(10 * np.log10(max(loud, 1e-10)), bool(clipped))

    @property
    def fault(self) -> str | None:
        """What is wrong with it and what helps, if something is."""
        if self.clipped:
            return "too loud and distorted: move back or turn the microphone down"
        if self.decibels < QUIET_DB:
            return "very quiet: move closer or turn the microphone up"
        return None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a recording should be made again."""

    why: str
    may_be_kept: bool  # whether it can be learned from all the same


def fault(heard: Utterance, text: str) -> Fault | None:
    """What is wrong with a sentence read aloud, the worst first; ``None`` if it is good.

    Args:
        heard: the recording.
        text: what should be in it, in spoken form.
    """
    spoken_s = heard.seconds if heard.voiced_s is None else heard.voiced_s
    if spoken_s < shortest_s(text):
        return Fault(
            "too short for this sentence: not all of its words can be in it", may_be_kept=False
        )
    if (level := Level.of(heard.samples).fault) is not None:
        return Fault(level, may_be_kept=True)
    if heard.end_reason is EndReason.MAX_LENGTH:
        return Fault("cut at the maximum length: is a radio or television on?", may_be_kept=True)
    return None
