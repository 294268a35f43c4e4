"""The second reading, with a judge of the sound that the tests control."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.skills.candidates import LEAST, PERHAPS, SHORTLIST, Means, best, near
from assistant.skills.commands import Commands, Wording

KNOWN = Commands(
    [
        Wording("clock.time", "what time is it"),
        Wording("clock.time", "what's the time"),
        Wording("clock.weekday", "what day is it"),
        Wording("timers.set", "set a timer for {length}", ("length",)),
        Wording("timers.set", "{length} timer", ("length",)),
        Wording("timers.cancel", "cancel the timer"),
        *(Wording(f"other.{number}", f"tell me story number {number}") for number in "abcdefgh"),
    ],
    {
        "length": [
            "ten minutes",
            "fifteen minutes",
            "fifty minutes",
            "an hour",
            "five minutes",
            "fourteen minutes",
        ]
    },
)


def meaning(known: Commands) -> Means:
    """What these commands mean, word by word."""
    found = {
        text: meaning
        for wording in known.wordings
        for values in product(*(known.values[slot] for slot in wording.slots))
        for text, meaning in (wording.filled(values),)
    }
    return found.get


class Judge:
    """Favours one text by so many nats over what was heard, and all others by none."""

    def __init__(self, favourite: str = "", nats: float = 0.0, others: float = 0.0) -> None:
        self.favourite, self.nats, self.others = favourite, nats, others
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.asked = list(texts)
        logs = [self.nats if each == self.favourite else self.others for each in texts]
        logs[-1] = 0.0  # what was heard
        return np.array(logs)


def test_what_is_near_comes_first_with_the_nearest_values() -> None:
    found = near(["set a time for fifty minute"], KNOWN)
    assert [each.text for each in found[:2]] == [
        "set a timer for fifty minutes",
        "set a timer for fifteen minutes",
    ]
    assert found[0].meaning == ("timers.set", "fifty minutes")
    assert 0.9 < found[0].likeness < 1
    assert all("an hour" not in each.text for each in found[:4])


def test_any_of_the_readings_may_be_near() -> None:
    assert near(["watt dais eat"], KNOWN)[0].text != "cancel the timer"
    assert near(["watt dais eat", "cancel the time"], KNOWN)[0].text == "cancel the timer"


def test_nothing_heard_is_near_nothing() -> None:
    judge = Judge()
    for heard in ([], [""], ["", "what time is it"]):
        assert best(heard, KNOWN, judge, meaning(KNOWN)) is None
    assert not judge.asked


def test_few_are_judged_and_last_what_was_heard() -> None:
    judge = Judge()
    best(["what dime is it"], KNOWN, judge, meaning(KNOWN))
    assert len(judge.asked) == SHORTLIST + 1
    assert judge.asked[-1] == "what dime is it"


def test_the_sound_decides_between_likely_words() -> None:
    heard = ["set a timer for fif tea minutes"]
    for length in ("fifteen", "fifty"):
        text = f"set a timer for {length} minutes"
        found = best(heard, KNOWN, Judge(text, nats=0, others=-8), meaning(KNOWN))
        assert found is not None
        assert found.text == text
        assert (
            found.others[0]
            == f"set a timer for {' '.join({'fifteen', 'fifty'} - {length})} minutes"
        )


def test_a_reading_that_nobody_usually_says_yields_to_a_command_with_the_same_sound() -> None:
    """A skill would take "set a timer for the fig tea" with its open places, too."""
    known = meaning(KNOWN)
    heard = ["set a timer for tea fifteen minutes", "set a timer for fifteen minutes"]

    def open_places(text: str) -> tuple[str, ...] | None:
        return ("timers.set", text) if text.startswith("set a timer") else known(text)

    for others in (-6.0, 0.0):
        found = best(heard, KNOWN, Judge(heard[1], 0.0, others), open_places)
        assert found is not None
        assert found.text == heard[1]
    found = best(heard[:1], KNOWN, Judge(heard[0], 0.0, -60.0), open_places)
    assert found is not None
    assert found.text == heard[0]


def test_small_talk_is_no_command() -> None:
    for text in ("my daughter is coming on sunday", "i planted some tomatoes", "that is nice"):
        found = best([text], KNOWN, Judge(others=-25), meaning(KNOWN))
        assert found is None or (found.chance < PERHAPS < LEAST and not found.others)


def test_the_same_said_in_another_way_is_no_rival() -> None:
    """Two ways to say it both fit: that makes neither doubtful, as two durations would."""
    other = Commands([Wording("a.b", "what's the hour"), Wording("a.b", "what's the our")], {})
    rival = Commands([Wording("a.b", "what's the hour"), Wording("a.c", "what's the our")], {})
    sure, doubtful = (
        best(["what's the houre"], each, Judge(), meaning(each)) for each in (other, rival)
    )
    assert sure is not None
    assert doubtful is not None
    assert sure.chance > doubtful.chance
    assert not sure.others


def test_certainty_grows_with_the_sound_and_falls_with_distance() -> None:
    heard, means = ["what dime is it"], meaning(KNOWN)
    chances = []
    for nats in (-12.0, -4.0, 0.0):
        found = best(heard, KNOWN, Judge("what time is it", nats, others=-24), means)
        assert found is not None
        chances.append(found.chance)
    assert chances == sorted(chances)
    far = best(["what a dime is eaten"], KNOWN, Judge("what time is it", 0.0, -24), means)
    assert far is not None
    assert far.chance < chances[-1]


@pytest.mark.parametrize("nats", [-1e6, -30.0])
def test_scores_that_say_nothing_more_do_not_break_it(nats: float) -> None:
    found = best(["what time is"], KNOWN, Judge(others=nats), meaning(KNOWN))
    assert found is not None
    assert 0 <= found.chance <= 1


def test_what_is_said_around_a_request_is_no_part_of_it_but_of_the_sound() -> None:
    judge = Judge()
    found = best(["hey attune what dime is it please"], KNOWN, judge, meaning(KNOWN))
    assert found is not None
    assert found.text == "what time is it"
    assert "hey attune what time is it please" in judge.asked
    plain = best(["what dime is it"], KNOWN, Judge(), meaning(KNOWN))
    assert plain is not None
    assert found.chance == pytest.approx(plain.chance, abs=0.01)


def test_readings_with_unusual_words_are_refused_together() -> None:
    """Whoever said no to a room timer did not ask for an urban one."""
    known = Commands(
        [Wording("timers.set", "{name} timer for ten minutes", ("name",))],
        {"name": ["oven", "egg"]},
    )
    readings = ["a room timer for ten minutes", "an urban timer for ten minutes"]

    def open_places(text: str) -> tuple[str, ...] | None:
        return (text,) if text.endswith("timer for ten minutes") else None

    def judge(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([-12.0 * (each not in readings) for each in texts])

    found = best(readings, known, judge, open_places)
    assert found is not None
    assert found.text in readings
    assert set(found.others) <= {"oven timer for ten minutes", "egg timer for ten minutes"}
    assert found.others
    spoken = [*readings, "oven timer for ten minutes"]
    unsure = best(spoken, known, Judge(others=-1.0), open_places)
    assert unsure is not None
    assert unsure.text == "oven timer for ten minutes"
    assert readings[0] in unsure.others


def test_chances_of_all_that_it_may_have_been_are_one() -> None:
    found = best(["what dime is it"], KNOWN, Judge(), meaning(KNOWN))
    assert found is not None
    assert found.weighed[-1].meaning is None
    assert found.weighed[-1].text == "what dime is it"
    assert 0 < found.chance < 1
    certain = best(["what time is it"], KNOWN, Judge(others=-30.0), meaning(KNOWN))
    assert certain is not None
    assert certain.chance > found.chance


def test_what_only_the_letters_say_is_not_asked_for_after_a_no() -> None:
    heard, means = ["what a dime was it"], meaning(KNOWN)
    told = best(heard, KNOWN, Judge(others=-6.0), means)
    untold = best(heard, KNOWN, Judge(), means)
    assert told is not None
    assert untold is not None
    assert told.chance >= PERHAPS
    assert told.perhaps[0] == "what time is it"
    assert untold.chance >= PERHAPS
    assert untold.perhaps == ()
