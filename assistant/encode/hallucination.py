"""Whether Whisper heard words, or invented them over silence, noise or music, as it is known to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Odds:
    """A logistic regression: natural logarithm of the odds that words were said."""

    bias: float
    log_prob: float
    no_speech: float  # for the logarithm of its odds
    pace: float  # for the logarithm of words per second of voice


ODDS = _Odds(bias=4.86, log_prob=3.76, no_speech=-0.69, pace=2.08)
"""Fitted on 2026-11-29 with tiny.en and base in int8: 1,500 human recordings that may be trained
on, as they are and under noise, and 112 texts invented over 28 minutes of noise.
``python -m bench.invented --fit`` fits them again; without it, it shows what the check lets through
and what it refuses."""

LONG_S = (4.0, 0.45)
"""Seconds of voice from which on the odds have to be higher, and by how much for each of them."""

MOST = 4.5
"""How high they have to be at most."""

USUAL_PACE = 2.0
"""Words per second of voice where nobody has counted the voice."""

LEAST_S = 0.3
"""Seconds of voice that count at the least."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one transcript, and against it."""

    log_prob: float  # mean natural logarithm of the tokens' probabilities
    no_speech: float  # probability that nobody speaks, 0 to 1
    n_words: int
    loops: bool = False  # it says the same again and again
    voiced_s: float | None = None  # seconds that the voice activity detector took for voice

    @classmethod
    def of(cls, parts: Sequence[Evidence]) -> Evidence:
        """What the pieces of a long transcript say together."""
        total = sum(part.n_words for part in parts)
        if not total:
            return cls(-math.inf, 1.0, 0)
        spoken = [part for part in parts if part.n_words]
        return cls(
            log_prob=sum(part.log_prob * part.n_words for part in spoken) / total,
            no_speech=min(part.no_speech for part in spoken),
            n_words=total,
            loops=any(part.loops for part in spoken),
        )


def is_speech(evidence: Evidence) -> bool:
    """Whether the words were said.

    They were if they were likely, few for nobody and many enough for the time in which there was
    voice. Where there was voice for long they have to be clearer: every further word that does
    not fit speaks against them, and a television of many voices goes on and on.
    """
    if not evidence.n_words or evidence.loops:
        return False
    log_prob, no_speech, pace = features(evidence)
    odds = ODDS.bias + ODDS.log_prob * log_prob + ODDS.no_speech * no_speech + ODDS.pace * pace
    return odds > min(max(0.0, LONG_S[1] * (_voiced_s(evidence) - LONG_S[0])), MOST)


def features(evidence: Evidence) -> tuple[float, float, float]:
    """What the regression sees of at least one word, in the order of its coefficients."""
    silent = min(max(evidence.no_speech, 1e-6), 1 - 1e-6)
    pace = evidence.n_words / max(_voiced_s(evidence), LEAST_S)
    return evidence.log_prob, math.log(silent / (1 - silent)), math.log(pace)


def _voiced_s(evidence: Evidence) -> float:
    return evidence.n_words / USUAL_PACE if evidence.voiced_s is None else evidence.voiced_s
