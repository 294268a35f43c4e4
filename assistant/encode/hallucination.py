"""Whether Whisper heard words, or hallucinated them over silence, noise or music."""

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


ODDS = _Odds(bias=3.69, log_prob=4.96, no_speech=-0.84, pace=2.86)
"""Fitted on 2026-11-29 in the way of ``python -m bench.invented --fit``, with tiny.en and base in
int8: 1,346 hearings of human recordings that may be trained on, a fifth of them under noise, and
112 texts invented over 28 minutes of noise. Without ``--fit`` the bench shows what the check lets
through and what it refuses."""

LONG_S = (4.0, 0.45)
"""Seconds of voice beyond which the odds have to be higher, and by how much for each of them."""

MOST = 4.5
"""The highest odds that are ever required."""

USUAL_PACE = 2.0
"""Words per second of voice, if the voice was not measured."""

LEAST_S = 0.3
"""Shortest voice that is counted, in seconds."""


CAPTIONS = frozenset(
    (
        "thanks for watching", "thank you for watching", "thank you so much for watching",
        "thank you very much for watching", "thanks for watching everyone", "please subscribe",
        "please subscribe to my channel", "like and subscribe", "don't forget to subscribe",
        "please like and subscribe", "see you in the next video", "i'll see you in the next video",
        "see you next time bye bye", "we'll be right back", "subtitles by the amara org community",
    )
)  # fmt: skip
"""Whisper learned from films on the web, at whose ends this stands over music and noise; it is so
sure of it that no odds help. Nobody says it to an assistant."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for and against one transcript."""

    log_prob: float  # mean natural logarithm of the tokens' probabilities
    no_speech: float  # probability that nobody speaks, 0 to 1
    n_words: int
    loops: bool = False  # it repeats itself
    is_caption: bool = False  # all of it stands under films and is not said
    voiced_s: float | None = None  # seconds that the voice activity detector took for voice

    @classmethod
    def of(cls, parts: Sequence[Evidence]) -> Evidence:
        """The evidence of a long transcript, from its pieces."""
        total = sum(part.n_words for part in parts)
        if not total:
            return cls(-math.inf, 1.0, 0)
        spoken = [part for part in parts if part.n_words]
        return cls(
            log_prob=sum(part.log_prob * part.n_words for part in spoken) / total,
            no_speech=min(part.no_speech for part in spoken),
            n_words=total,
            loops=any(part.loops for part in spoken),
            is_caption=all(part.is_caption for part in spoken),
        )


def is_speech(evidence: Evidence) -> bool:
    """Whether the words were really said.

    They were if they are likely and numerous enough for the amount of voice, and if silence is
    unlikely. After a long stretch of voice the odds have to be higher: every further word that
    does not fit is evidence against them, and a television never stops talking.
    """
    if not evidence.n_words or evidence.loops or evidence.is_caption:
        return False
    log_prob, no_speech, pace = features(evidence)
    odds = ODDS.bias + ODDS.log_prob * log_prob + ODDS.no_speech * no_speech + ODDS.pace * pace
    return odds > min(max(0.0, LONG_S[1] * (_voiced_s(evidence) - LONG_S[0])), MOST)


def features(evidence: Evidence) -> tuple[float, float, float]:
    """The regression's inputs for at least one word, in the order of its coefficients."""
    silent = min(max(evidence.no_speech, 1e-6), 1 - 1e-6)
    pace = evidence.n_words / max(_voiced_s(evidence), LEAST_S)
    return evidence.log_prob, math.log(silent / (1 - silent)), math.log(pace)


def _voiced_s(evidence: Evidence) -> float:
    return evidence.n_words / USUAL_PACE if evidence.voiced_s is None else evidence.voiced_s
