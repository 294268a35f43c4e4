"""What is spoken in the bench of requests, and how it is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.skills.candidates import LEAST
from assistant.skills.second_reading import SURE
from bench.request_outcomes import Case, Outcome, confusion, rows
from bench.requests import Meanings, requests, small_talk

VOICES = 10


@pytest.fixture(scope="module")
def meanings(tmp_path_factory: pytest.TempPathFactory) -> Meanings:
    return Meanings(tmp_path_factory.mktemp("household"))


def test_a_meaning_has_the_request_and_its_values(meanings: Meanings) -> None:
    assert meanings.of("What time is it?") == "clock.time: it is half past three in the afternoon."
    found = meanings.of("set a pizza timer for 10 minutes")
    assert found == "timers.set: a pizza timer for ten minutes is running."
    assert meanings.of("i can't get up") == "help"
    assert meanings.of("my daughter is coming on sunday") is None
    assert meanings.of("...") is None


def test_every_request_means_something_and_so_many_are_impaired(meanings: Meanings) -> None:
    found = requests(meanings, 90, 30, VOICES, seed=3)
    assert found == requests(meanings, 90, 30, VOICES, seed=3)
    assert len(found) == 90
    known = [case for case in found if case.meaning and not case.meaning.startswith("unknown")]
    assert len(known) > 85
    assert sum(case.severity != "clean" for case in found) == 30
    assert {case.voice for case in found} == set(range(VOICES))
    skills = {case.meaning.partition(".")[0] for case in found if case.meaning}
    assert skills >= {"clock", "timers", "alarms", "reminders", "lists", "notes", "talk"}


def test_small_talk_means_nothing(meanings: Meanings) -> None:
    found = small_talk(meanings, 40, VOICES, None, seed=3)
    assert len(found) == 40
    assert not any(case.meaning or meanings.of(case.text) for case in found)


def outcome(
    meaning: str | None,
    grammar: str | None,
    second: str | None,
    certainty: float,
    then: str | None = None,
) -> Outcome:
    case = Case("said", meaning, "clean", 0)
    return Outcome(case, "heard", grammar, second, (), certainty, then, 1.0)


def test_right_and_wrong_are_counted_by_how_sure_it_was() -> None:
    found = [
        outcome("a.b", "a.b", None, 0.0),
        outcome("a.b", None, "a.b", SURE),
        outcome("a.b", None, "a.b", LEAST),
        outcome("a.b", None, "a.b", LEAST - 0.1),
        outcome("a.b", None, "c.d", SURE, "a.b"),
        outcome("a.b", None, "c.d", LEAST, "a.b"),
        outcome("a.b", "e.f", "c.d", LEAST, "a.b"),  # asks first: the grammar's is not taken
        outcome(None, None, "c.d", LEAST),
        outcome(None, None, None, 0.0),
    ]
    request, talk = rows(found)
    assert (request.cases, talk.cases) == (7, 2)
    assert (request.grammar, request.taken) == (14.3, 28.6)
    assert (request.asked, request.asked_twice) == (42.9, 71.4)  # no question after an answer
    assert (request.wrong, request.wrongly_asked) == (14.3, 42.9)
    assert (talk.wrong, talk.wrongly_asked) == (0.0, 50.0)
    assert confusion(found) == {"a": {"a": 3, "c": 3, "none": 1}, "none": {"c": 1, "none": 1}}


@pytest.mark.parametrize(
    ("certainty", "confidence", "refused"),
    [
        (LEAST, 0.9, {"c.d", "e.f"}),  # the second reading is asked about
        (LEAST - 0.1, 0.1, {"e.f"}),  # what was heard is
        (LEAST - 0.1, 0.9, None),  # nothing is
        (SURE, 0.1, None),
    ],
)
def test_what_was_asked_in_vain_is_said_again(
    certainty: float, confidence: float, refused: set[str] | None
) -> None:
    first = replace(outcome("a.b", None, "c.d", certainty, "e.f"), confidence=confidence)
    assert first.refused == refused
    again = replace(first, again=outcome("a.b", None, "a.b", LEAST))
    assert [each.said_again for each in (*rows([first]), *rows([again]))] == [0.0, 100.0]
