"""A second reading of unclear speech: the commands near what was heard, judged against the sound.

The commands are a small closed set, so they can be told apart in speech that no free transcription
gets right. Which of them are near is decided by letters, which of those was said by the sound too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from assistant.skills.commands import Commands

Score = Callable[[Sequence[str]], NDArray[np.float64]]
"""From texts to the natural logarithms of their probabilities, given the sound of the turn."""

VALUES = 3
"""Values of a slot that are tried, those nearest to what was heard."""

SHORTLIST = 8
"""Commands that are judged against the sound."""

NEAR = 0.55
"""Least likeness of the letters: below it the sound is not asked, as next to nothing is found."""

LEAST = 0.5
"""Least certainty with which a command is recognised."""

SOUND = 0.1
"""What a nat per word of the sound's evidence weighs beside the likeness of the letters, 0 to 1."""

_FARTHEST = -6.0  # nats per word; beyond this the recogniser's scores say no more
_WIDEST = 0.3  # lead over the next other command; more of it means no more


@dataclass(frozen=True, slots=True)
class Candidate:
    """A command that may have been said."""

    text: str
    meaning: tuple[str, ...]  # the request and its values: the same for all ways to say it
    likeness: float  # of its letters to the nearest reading, 0 to 1


@dataclass(frozen=True, slots=True)
class _Odds:
    """A logistic regression: natural logarithm of the odds that a candidate was said."""

    bias: float
    likeness: float
    sound: float  # per nat and word
    lead: float  # over the best candidate that means something else


ODDS = _Odds(bias=-5.61, likeness=6.93, sound=0.79, lead=8.07)
"""Fitted on 304 second readings with tiny.en on 2026-11-29, of about as much small talk as
requests, clean and impaired. ``python -m bench.requests --fit`` refits it."""


def best(
    heard: Sequence[str], known: Commands, score: Score, least: float = LEAST
) -> tuple[str, float] | None:
    """The command that was most probably said, and the chance that it was, if that is high enough.

    Args:
        heard: spoken words of the recogniser's hypotheses, the likeliest first.
        known: the commands.
        score: judges texts against the sound.
        least: chance below which nothing is recognised.
    """
    found = ranked(heard, known, score)
    if found is None:
        return None
    text, features = found
    certainty = chance(features)
    return (text, certainty) if certainty >= least else None


def ranked(
    heard: Sequence[str], known: Commands, score: Score
) -> tuple[str, tuple[float, float, float]] | None:
    """The best command, with the inputs of the regression in the order of its coefficients."""
    candidates = near(heard, known)
    if not candidates or candidates[0].likeness < NEAR:
        return None
    words = len(heard[0].split())
    logs = score([*(each.text for each in candidates), heard[0]])
    sound = np.maximum((logs[:-1] - logs[-1]) / words, _FARTHEST)
    total = np.array([each.likeness for each in candidates]) + SOUND * sound
    first = int(total.argmax())
    others = [
        float(each)
        for each, candidate in zip(total, candidates, strict=True)
        if candidate.meaning != candidates[first].meaning
    ]
    lead = min(_WIDEST, float(total[first]) - max(others, default=-math.inf))
    return candidates[first].text, (candidates[first].likeness, float(sound[first]), lead)


def chance(features: tuple[float, float, float]) -> float:
    """The chance that a command with these inputs was said."""
    likeness, sound, lead = features
    odds = ODDS.bias + ODDS.likeness * likeness + ODDS.sound * sound + ODDS.lead * lead
    return 1 / (1 + math.exp(-odds))


def near(heard: Sequence[str], known: Commands, limit: int = SHORTLIST) -> list[Candidate]:
    """The commands whose letters are most like one of the readings, best first."""
    if not heard or not heard[0]:
        return []
    readings = [each for each in dict[str, None].fromkeys(heard) if each]
    filled = dict(_filled(readings, known))
    texts = list(filled)
    likeness = _likeness(readings, texts, fuzz.ratio)
    order: list[int] = np.argsort(-likeness, kind="stable")[:limit].tolist()
    return [Candidate(texts[at], filled[texts[at]], float(likeness[at]) / 100) for at in order]


def _filled(readings: Sequence[str], known: Commands) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every command with the values nearest to a reading, and what it means."""
    nearest: dict[str, Sequence[str]] = {}
    for slot, values in known.values.items():
        likeness = _likeness(readings, values, fuzz.partial_ratio)
        order: list[int] = np.argsort(-likeness, kind="stable")[:VALUES].tolist()
        nearest[slot] = [values[at] for at in order]
    for wording in known.wordings:
        for chosen in product(*(nearest[slot] for slot in wording.slots)):
            yield wording.filled(chosen)


def _likeness(
    readings: Sequence[str], texts: Sequence[str], scorer: Callable[..., float]
) -> NDArray[np.float32]:
    """Of each text to the reading that it is most like, (n_texts,), 0 to 100."""
    return process.cdist(readings, texts, scorer=scorer, dtype=np.float32).max(axis=0)
