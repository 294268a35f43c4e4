"""A second reading of unclear speech: the commands near what was heard, judged against the sound.

The commands are a small closed set, so they can be told apart in speech that no free transcription
gets right. Which of them are near is decided by letters, which of those was said by the sound too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from assistant.skills.commands import Commands

Score = Callable[[Sequence[str]], NDArray[np.float64]]
"""From texts to the natural logarithms of their probabilities, given the sound of the turn."""

Meaning = tuple[str, ...]
"""A request and its values: the same for all ways to say it."""

Means = Callable[[str], Meaning | None]
"""What a text asks for; none if no skill would answer it."""

VALUES = 5
"""Values of a slot that are tried, those nearest to what was heard."""

SHORTLIST = 12
"""Commands that are judged against the sound, besides the recogniser's own readings."""

WAYS = 2
"""Of these, how many may ask for the same, else they would crowd out what else it may have been."""

NEAR = 0.55
"""Least likeness of the letters: below it the sound is not asked, as next to nothing is found."""

LEAST = 0.4
"""Least certainty with which a command is recognised."""

PERHAPS = 0.25
"""Least certainty with which it is asked for once the first question was answered with no."""

SOUND, USUAL = 0.1, 2.0
"""What a nat per word of the sound's evidence, and being a usual command, weigh beside the likeness
of the letters, 0 to 1."""

_FARTHEST = -6.0  # nats per word; beyond this the recogniser's scores say no more
_WIDEST = 0.5  # lead over the next other command; more of it means no more


@dataclass(frozen=True, slots=True)
class Candidate:
    """A command that may have been said."""

    text: str
    meaning: Meaning
    likeness: float  # of its letters to the nearest reading, 0 to 1
    usual: float = 1.0  # of its letters to the nearest command, 0 to 1


Inputs = tuple[float, float, float, float]
"""Of the regression: likeness, sound, usualness, lead."""


@dataclass(frozen=True, slots=True)
class _Odds:
    """A logistic regression: natural logarithm of the odds that a candidate was said."""

    bias: float
    likeness: float
    sound: float  # per nat and word
    usual: float
    lead: float  # over the best candidate that means something else


ODDS = _Odds(bias=-14.8, likeness=8.7, sound=0.75, usual=7.5, lead=6.7)
"""Fitted to Whisper base with its adapter, on 260 second readings of 2026-11-30: requests and small
talk, clean and impaired. ``python -m bench.requests --fit`` refits it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The command that was most probably said."""

    text: str
    inputs: Inputs
    others: tuple[str, ...]  # that mean something else and sound nearly as likely, best first

    @property
    def chance(self) -> float:
        """The chance that it was said."""
        likeness, sound, usual, lead = self.inputs
        odds = ODDS.bias + ODDS.likeness * likeness + ODDS.sound * sound
        odds += ODDS.usual * usual + ODDS.lead * lead
        return 1 / (1 + math.exp(-odds))


def best(heard: Sequence[str], known: Commands, score: Score, means: Means) -> Found | None:
    """The command that was most probably said, if any is near.

    Args:
        heard: spoken words of the recogniser's hypotheses, the likeliest first.
        known: the commands.
        score: judges texts against the sound.
        means: what the skills make of a text.
    """
    shortlist = near(heard, known)
    if not shortlist or shortlist[0].likeness < NEAR:
        return None
    pool = list(_meant(heard, shortlist, known, means))
    if not pool:
        return None
    logs = score([*(each.text for each in pool), heard[0]])
    sound = np.maximum((logs[:-1] - logs.max()) / len(heard[0].split()), _FARTHEST)
    total = sound * SOUND + [each.likeness + USUAL * each.usual for each in pool]
    firsts: dict[Meaning, int] = {}  # the best of each meaning
    order: list[int] = np.argsort(-total, kind="stable").tolist()
    for at in order:
        firsts.setdefault(pool[at].meaning, at)
    first, *others = firsts.values()
    behind = [float(total[first] - total[at]) for at in others]
    chosen, lead = pool[first], min([_WIDEST, *behind])
    return Found(
        chosen.text,
        (chosen.likeness, float(sound[first]), chosen.usual, lead),
        tuple(
            pool[at].text
            for at, by in zip(others, behind, strict=True)
            if by < _WIDEST and sound[at] > _FARTHEST and np.ptp(logs) > 0
        ),
    )


def _meant(
    heard: Sequence[str], shortlist: Sequence[Candidate], known: Commands, means: Means
) -> Iterator[Candidate]:
    """The recogniser's readings and the commands near them, as far as a skill answers them.

    What a skill would take with any words in its open places ("remind me to take the blew pill") is
    the less likely, the farther it is from everything that is usually said.
    """
    for reading in dict.fromkeys(filter(None, heard)):
        if meaning := means(reading):
            usual = near([reading], known, 1)
            yield Candidate(reading, meaning, 1.0, usual[0].likeness if usual else 0.0)
    for each in shortlist:
        if each.text not in heard and (meaning := means(each.text)):
            yield replace(each, meaning=meaning)


def near(heard: Sequence[str], known: Commands, limit: int = SHORTLIST) -> list[Candidate]:
    """The commands whose letters are most like one of the readings, best first."""
    if not heard or not heard[0]:
        return []
    readings = [each for each in dict[str, None].fromkeys(heard) if each]
    filled = dict(_filled(readings, known))
    texts = list(filled)
    likeness = _likeness(readings, texts, fuzz.ratio)
    found: list[Candidate] = []
    ways = Counter[Meaning]()
    order: list[int] = np.argsort(-likeness, kind="stable").tolist()
    for at in order:
        meaning = filled[texts[at]]
        ways[meaning] += 1
        if ways[meaning] <= WAYS:
            found.append(Candidate(texts[at], meaning, float(likeness[at]) / 100))
        if len(found) == limit:
            break
    return found


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
