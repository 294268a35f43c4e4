"""A second reading of unclear speech: the commands near what was heard, judged against the sound.

The commands are a small closed set, so they can be told apart in speech that no free transcription
gets right. Which of them are near is decided by letters and how they sound, which of those was said
by the recogniser too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from assistant.skills.commands import Commands, Wording
from assistant.skills.plainly import plainly
from assistant.skills.sounds import sounds

Score = Callable[[Sequence[str]], NDArray[np.float64]]
"""From texts to the natural logarithms of their probabilities, given the sound of the turn."""

Meaning = tuple[str, ...]
"""A request and its values: the same for all ways to say it."""

Means = Callable[[str], Meaning | None]
"""What a text asks for; none if no skill would answer it."""

VALUES = 3
"""Values of a slot that are tried in every wording, those nearest to what was heard."""

WHOLE = 60
"""Wordings nearest to what was heard, in which every value of each slot is tried."""

SHORTLIST = 12
"""Commands that are judged against the sound, besides the recogniser's own readings."""

WAYS = 2
"""Of these, how many may ask for the same, else they would crowd out what else it may have been."""

NEAR = 0.55
"""Least likeness: below it the sound is not asked, as next to nothing is found."""

LEAST = 0.4
"""Least certainty with which a command is recognised."""

PERHAPS = 0.1
"""Least certainty with which it is asked for once the first question was answered with no."""

FURTHER = 0.02
"""Least certainty of what it may have been instead."""

_FARTHEST = -40.0  # nats; beyond this the recogniser's scores say no more
_NATS = 10.0  # in one unit of the sound's evidence
_SAME = 0.999  # a likeness from which on it is the same


@dataclass(frozen=True, slots=True)
class Candidate:
    """A command that may have been said."""

    text: str
    meaning: Meaning
    likeness: float  # to the nearest reading, 0 to 1
    usual: float = 1.0  # its likeness to the nearest command, 0 to 1
    said: str = ""  # with the words around it that ask for nothing


Inputs = tuple[float, ...]
"""Of the choice, in the order of ``Odds``."""


@dataclass(frozen=True, slots=True)
class Odds:
    """What makes one candidate likelier than another: natural logarithms of odds."""

    likeness: float
    sound: float  # for 10 nats
    usual: float  # likeness to the nearest command
    known: float  # it is a command
    first: float  # it is the recogniser's first reading
    words: float  # logarithm of its length: much that fits is no accident
    none: float  # nothing was asked for, and what was heard is all
    though: float  # though a skill would answer what was heard


ODDS = Odds(
    likeness=11.1, sound=2.8, usual=4.4, known=4.4, first=2.1, words=1.8, none=17.75, though=-4.0
)
"""Fitted to Whisper base with its adapter, on 635 second readings of 2026-11-30: requests and small
talk, clean and impaired, other sentences than the bench's and half of them in other voices.
``python -m bench.requests --fit`` refits it."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate in the choice."""

    text: str
    meaning: Meaning | None  # none: nothing was asked for
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Found:
    """The command that was most probably said."""

    text: str
    chance: float  # that this was asked for, however it was worded
    others: tuple[str, ...]  # that mean something else and are possible, best first
    weighed: tuple[Weighed, ...]  # all that it was chosen from
    is_told: bool  # by the sound; else by the letters alone

    @property
    def perhaps(self) -> tuple[str, ...]:
        """What may be asked for once what was heard was asked back and answered with no."""
        return (self.text, *self.others) if self.is_told and self.chance >= PERHAPS else ()


def best(heard: Sequence[str], known: Commands, score: Score, means: Means) -> Found | None:
    """The command that was most probably said, if any is near.

    Args:
        heard: spoken words of the recogniser's hypotheses, the likeliest first.
        known: the commands.
        score: judges texts against the sound.
        means: what the skills make of a text.
    """
    if not heard or not heard[0]:
        return None
    shortlist, usual = _nearest(_around(heard), known, SHORTLIST)
    if not shortlist or shortlist[0].likeness < NEAR:
        return None
    pool = list(_meant(heard, shortlist, usual, means))
    if not pool:
        return None
    logs = score([*(each.said for each in pool), heard[0]])
    sound = np.maximum(logs - logs.max(), _FARTHEST) / _NATS
    weighed = [
        Weighed(each.text, each.meaning, _inputs(each, heard[0], float(nats)))
        for each, nats in zip(pool, sound[:-1], strict=True)
    ]
    is_answered = any(each.text == heard[0] for each in pool)
    none = (0.0, float(sound[-1]), 0.0, 0.0, 0.0, 0.0, 1.0, float(is_answered))
    weighed.append(Weighed(heard[0], None, none))
    return _chosen(weighed, is_told=bool(np.ptp(logs) > 0))


def _inputs(candidate: Candidate, heard: str, sound: float) -> Inputs:
    return (
        candidate.likeness,
        sound,
        candidate.usual,
        float(candidate.usual >= _SAME),
        float(candidate.text == heard),
        math.log(len(candidate.text.split())),
        0.0,
        0.0,
    )


def _chosen(weighed: Sequence[Weighed], *, is_told: bool) -> Found:
    """The likeliest meaning. If the sound told nothing, there are no others."""
    odds = np.array([each.inputs for each in weighed]) @ np.array(astuple(ODDS))
    chances = np.exp(odds - odds.max())
    chances /= chances.sum()
    total: dict[Meaning, float] = {}
    likeliest: dict[Meaning, Weighed] = {}
    order: list[int] = np.argsort(-chances, kind="stable").tolist()
    for at in order:
        meaning = weighed[at].meaning
        if meaning is not None:
            total[meaning] = total.get(meaning, 0.0) + float(chances[at])
            likeliest.setdefault(meaning, weighed[at])
    first, *others = sorted(total, key=lambda each: -total[each])
    # readings with unusual words are wrong together: "a room timer", "an urban timer"
    is_open = not _is_known(likeliest[first])
    return Found(
        likeliest[first].text,
        total[first],
        tuple(
            likeliest[each].text
            for each in others
            if is_told
            and total[each] >= FURTHER
            and not (is_open and not _is_known(likeliest[each]))
        ),
        tuple(weighed),
        is_told,
    )


def _is_known(weighed: Weighed) -> bool:
    return weighed.inputs[3] > 0


def _around(heard: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The readings, and what they ask for plainly, with the words before it and after it."""
    around = {each: ("", "") for each in heard if each}
    for each in list(around):
        plain = plainly(each)
        before, is_part, after = f" {each} ".partition(f" {plain} ")
        if plain:
            around.setdefault(plain, (before.strip(), after.strip()) if is_part else ("", ""))
    return around


def _meant(
    heard: Sequence[str], shortlist: Sequence[Candidate], usual: Mapping[str, float], means: Means
) -> Iterator[Candidate]:
    """The recogniser's readings and the commands near them, as far as a skill answers them.

    What a skill would take with any words in its open places ("remind me to take the blew pill") is
    the less likely, the farther it is from everything that is usually said.
    """
    for reading in dict.fromkeys(filter(None, heard)):
        if meaning := means(reading):
            likeness = max(usual[reading], usual.get(plainly(reading), 0.0))
            yield Candidate(reading, meaning, 1.0, likeness, reading)
    for each in shortlist:
        if each.text not in heard and (meaning := means(each.text)):
            yield replace(each, meaning=meaning)


def near(heard: Sequence[str], known: Commands, limit: int = SHORTLIST) -> list[Candidate]:
    """The commands that are most like one of the readings, best first."""
    if not heard or not heard[0]:
        return []
    return _nearest(_around(heard), known, limit)[0]


@dataclass(frozen=True, slots=True)
class _Filled:
    """A wording with values in its slots."""

    wording: Wording
    values: tuple[str, ...]
    meaning: tuple[str, ...]


def _nearest(
    around: Mapping[str, tuple[str, str]], known: Commands, limit: int
) -> tuple[list[Candidate], dict[str, float]]:
    """The commands most like a reading, best first, and each reading's likeness to the nearest.

    Values that are alike in themselves are tried in every wording, all values in the nearest.
    """
    readings = list(around)
    filled = dict(_filled(readings, known))
    likeness = _likeness(readings, list(filled))
    more = {
        text: each
        for text, each in _refilled(list(filled.values()), likeness.max(axis=0), known)
        if text not in filled
    }
    if more:
        likeness = np.concatenate([likeness, _likeness(readings, list(more))], axis=1)
    filled.update(more)
    texts, nearest = list(filled), likeness.argmax(axis=0)
    found: list[Candidate] = []
    ways = Counter[Meaning]()
    order: list[int] = np.argsort(-likeness.max(axis=0), kind="stable").tolist()
    for at in order:
        text, meaning = texts[at], filled[texts[at]].meaning
        ways[meaning] += 1
        if ways[meaning] <= WAYS:
            before, after = around[readings[nearest[at]]]
            said = " ".join(filter(None, (before, text, after)))
            found.append(Candidate(text, meaning, float(likeness[:, at].max()), said=said))
        if len(found) == limit:
            break
    return found, dict(zip(readings, map(float, likeness.max(axis=1)), strict=True))


def _filled(readings: Sequence[str], known: Commands) -> Iterator[tuple[str, _Filled]]:
    """Every command with the values nearest to a reading."""
    nearest: dict[str, Sequence[str]] = {}
    for slot, values in known.values.items():
        likeness = _likeness(readings, values, fuzz.partial_ratio).max(axis=0)
        order: list[int] = np.argsort(-likeness, kind="stable")[:VALUES].tolist()
        nearest[slot] = [values[at] for at in order]
    for wording in known.wordings:
        for values in product(*(nearest[slot] for slot in wording.slots)):
            text, meaning = wording.filled(values)
            yield text, _Filled(wording, values, meaning)


def _refilled(
    filled: Sequence[_Filled], likeness: NDArray[np.float32], known: Commands
) -> Iterator[tuple[str, _Filled]]:
    """The nearest wordings with any value in one of their slots."""
    order: list[int] = np.argsort(-likeness, kind="stable").tolist()
    likeliest: dict[str, _Filled] = {}
    for at in order:
        likeliest.setdefault(filled[at].wording.text, filled[at])
        if len(likeliest) == WHOLE:
            break
    for each in likeliest.values():
        for place, slot in enumerate(each.wording.slots):
            for value in known.values[slot]:
                values = (*each.values[:place], value, *each.values[place + 1 :])
                text, meaning = each.wording.filled(values)
                yield text, _Filled(each.wording, values, meaning)


def _likeness(
    readings: Sequence[str],
    texts: Sequence[str],
    scorer: Callable[..., float] = fuzz.ratio,
) -> NDArray[np.float32]:
    """Of letters and of sounds, half each, (n_readings, n_texts), 0 to 1."""
    by_letters = process.cdist(readings, texts, scorer=scorer, dtype=np.float32)
    heard, said = list(map(sounds, readings)), list(map(sounds, texts))
    by_sounds = process.cdist(heard, said, scorer=scorer, dtype=np.float32)
    return np.asarray((by_letters + by_sounds) / 200, np.float32)
