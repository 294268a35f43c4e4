"""What becomes of spoken requests: taken, asked back, asked to be said again, or missed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.config import TurnSettings
from assistant.skills.candidates import LEAST, Meaning, Odds, Score, Weighed, best
from assistant.skills.commands import Commands
from assistant.skills.second_reading import CLEAR, SURE
from assistant.spoken import said_words
from assistant.values import SpeechFeatures
from bench.logistic import Choice, calibration_error, choices, fit_choices

ASK_BACK = TurnSettings.model_validate({}).ask_back
"""Confidence below which what was heard is asked back."""


class Knowing(Protocol):
    """What texts ask for."""

    @property
    def commands(self) -> Commands:
        """What is near is one of these."""
        ...

    def of(self, text: str) -> str | None:
        """The request and the answer; none for small talk."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """Something to be said."""

    text: str
    meaning: str | None  # none for small talk
    severity: str  # "clean", or one of bench/impair.py's
    voice: int
    recording: NDArray[np.float32] | None = None  # where somebody said it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    case: Case
    heard: str
    grammar: str | None  # what the grammar found in the transcript
    second: str | None  # what the second reading found
    weighed: Sequence[Weighed]  # what that was chosen from
    certainty: float
    then: str | None  # what is asked for once the first question was answered with no
    ms: float  # that the second reading took; 0 if there was none
    confidence: float = 1.0  # in what was heard
    again: Outcome | None = None  # when it was said once more, because what was asked was refused

    def taken(self, least: float) -> str | None:
        """What is answered or asked back, if the second reading counts from this certainty on.

        Nothing, if what it found instead of the grammar's would be asked back first.
        """
        if self.second and self.certainty >= least:
            return self.second
        asks_another = self.second != self.grammar and self.certainty >= LEAST
        return None if asks_another else self.grammar

    @property
    def refused(self) -> set[str] | None:
        """What it was asked about in vain, so that it was asked for once more; none if it was not.

        Where it asked nothing, it may have taken something else, or left it to the model.
        """
        is_found = self.second is not None and self.certainty >= LEAST
        asks = self.certainty < SURE if is_found else self.confidence < ASK_BACK
        if not asks or self.case.meaning is None or _after_two(self):
            return None
        return {each for each in (self.second if is_found else self.grammar, self.then) if each}


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of sound."""

    sound: str
    cases: int
    grammar: float  # right by the grammar alone, per cent
    taken: float  # right at once, with the second reading, per cent
    asked: float  # right after one question, per cent
    asked_twice: float  # right after at most two, per cent
    said_again: float  # or when said once more, as it was then asked to be, per cent
    wrong: float  # another request was taken, per cent
    wrongly_asked: float  # or asked back, per cent


def outcome(
    case: Case,
    features: SpeechFeatures,
    judge: Score,
    known: Knowing,
    refused: Collection[str] = (),
) -> Outcome:
    """What each side makes of one, if some of what it may mean has just been refused."""

    def means(text: str) -> Meaning | None:
        meaning = known.of(text)
        return None if meaning is None or meaning in refused else (meaning,)

    heard = features.transcript.spoken
    by_grammar = known.of(heard)
    found, ms = None, 0.0
    if heard and features.transcript.confidence < CLEAR and by_grammar != "help":
        began = time.monotonic()
        readings = [heard, *map(said_words, features.transcript.others)]
        found = best(readings, known.commands, judge, means)
        ms = (time.monotonic() - began) * 1_000
    confidence = features.transcript.confidence
    if found is None:
        return Outcome(case, heard, by_grammar, None, (), 0.0, None, ms, confidence)
    others = found.others if found.chance >= LEAST else found.perhaps
    others = [each for each in others if each != heard]
    return Outcome(
        case,
        heard,
        by_grammar,
        known.of(found.text),
        found.weighed,
        found.chance,
        known.of(others[0]) if others else None,
        ms,
        confidence,
    )


def rows(found: Sequence[Outcome]) -> list[Row]:
    """Figures by the kind of sound, requests and small talk apart."""
    kinds: dict[str, list[Outcome]] = {}
    for each in found:
        kind = "request" if each.case.meaning else "small talk"
        severity = each.case.severity
        kinds.setdefault(f"{kind}, {severity}", []).append(each)
        if severity != "clean":
            kinds.setdefault(f"{kind}, impaired (all)", []).append(each)

    def share(
        those: Sequence[Outcome], taken: Callable[[Outcome], str | None], *, right: bool
    ) -> float:
        """Per cent in which something was found that is right, or wrong."""
        count = 0
        for each in those:
            found = taken(each)
            count += found is not None and (found == each.case.meaning) == right
        return round(100 * count / len(those), 1)

    def sure(each: Outcome) -> str | None:
        return each.taken(SURE)

    def least(each: Outcome) -> str | None:
        return each.taken(LEAST)

    return [
        Row(
            kind,
            len(those),
            share(those, lambda each: each.grammar, right=True),
            share(those, sure, right=True),
            share(those, least, right=True),
            round(100 * sum(map(_after_two, those)) / len(those), 1),
            round(100 * sum(map(_said_again, those)) / len(those), 1),
            share(those, sure, right=False),
            share(those, least, right=False),
        )
        for kind, those in sorted(kinds.items())
    ]


def _after_two(each: Outcome) -> bool:
    """Whether the right request was taken, or asked for with one of two questions."""
    found = [each.taken(LEAST)] + ([each.then] if each.certainty < SURE else [])
    return each.case.meaning is not None and each.case.meaning in found


def _said_again(each: Outcome) -> bool:
    """Whether the right request was taken or asked for, even if only when it was said again."""
    again = each.again is not None and each.again.taken(LEAST) == each.case.meaning
    return _after_two(each) or again


def confusion(found: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """By skill: what was asked for, and which skill would have been asked back or acted."""

    def skill(meaning: str | None) -> str:
        return "none" if meaning is None else meaning.partition(".")[0]

    table: dict[str, Counter[str]] = {}
    for each in found:
        taken = each.taken(LEAST)
        table.setdefault(skill(each.case.meaning), Counter())[skill(taken)] += 1
    return {asked: dict(row.most_common()) for asked, row in sorted(table.items())}


def fitted(found: Sequence[Outcome]) -> dict[str, float]:
    """The odds behind the certainty."""
    judged = [each for each in found if each.weighed]
    coefficients = fit_choices([_choice(each) for each in judged])
    likeliest = [_likeliest(each, coefficients) for each in judged]
    return {
        **{
            each.name: float(value)
            for each, value in zip(fields(Odds), coefficients.round(2), strict=True)
        },
        "judged": len(judged),
        "calibration_error": round(calibration_error(*np.array(likeliest, float).T), 3),
    }


def _likeliest(each: Outcome, coefficients: NDArray[np.float64]) -> tuple[float, bool]:
    """The chance of the likeliest request, and whether it was meant."""
    total: dict[Meaning, float] = {}
    for one, share in zip(each.weighed, choices(_choice(each), coefficients), strict=True):
        if one.meaning is not None:
            total[one.meaning] = total.get(one.meaning, 0.0) + float(share)
    meaning, chance = max(total.items(), key=lambda each: each[1])
    return chance, meaning == (each.case.meaning,)


def _choice(each: Outcome) -> Choice:
    """What was meant, or that nothing was asked for."""
    meant = (each.case.meaning,) if each.case.meaning else None
    right = np.array([one.meaning == meant for one in each.weighed])
    if not right.any():  # what was meant was not near what was heard
        right[-1] = True
    return Choice(np.array([one.inputs for one in each.weighed]), right)
