"""Timers by voice."""

from __future__ import annotations

import pytest

from tests.skills.conftest import Known


def ring(known: Known) -> list[str]:
    agenda = known.desk.household.agenda
    return [each.name for each in agenda.tick(known.look())]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("set a timer for ten minutes", "A timer for ten minutes is running."),
        ("Pizza timer for 10 minutes, please.", "A pizza timer for ten minutes is running."),
        ("um timer for an hour and a half", "A timer for one hour and thirty minutes is running."),
        ("start an egg timer for five minutes", "An egg timer for five minutes is running."),
        ("i need a three minute timer for tea", "A tea timer for three minutes is running."),
    ],
)
def test_a_timer_is_set_and_read_back(words: str, told: str, known: Known) -> None:
    said = known.say(words)
    assert said == told
    assert len(known.desk.household.agenda.items()) == 1


def test_nothing_is_done_before_it_is_certain(known: Known) -> None:
    said = known.said("set a timer for fifteen minutes")
    assert said.question == "A timer for fifteen minutes?"
    assert known.desk.household.agenda.items() == []


def test_several_timers_are_told_apart(known: Known) -> None:
    known.say("set a pizza timer for ten minutes")
    known.say("set a tea timer for three minutes")
    known.wait(minutes=2)
    assert known.say("how long is left on the pizza timer") == (
        "The pizza timer has eight minutes left."
    )
    assert known.say("how much time is left") == (
        "The tea timer has one minute left. The pizza timer has eight minutes left."
    )
    assert known.say("cancel the timer") == "Which one: the tea timer and the pizza timer?"
    assert known.say("the pizza one") == "The pizza timer is cancelled."
    assert known.say("how much time is left") == "The tea timer has one minute left."
    known.wait(minutes=1)
    assert ring(known) == ["tea"]


def test_two_timers_of_one_name_are_told_apart_by_their_length(known: Known) -> None:
    known.say("set a timer for ten minutes")
    known.say("set a timer for twenty minutes")
    assert known.say("cancel the ten minute timer") == "The timer for ten minutes is cancelled."
    assert known.say("how much time is left") == "The timer has twenty minutes left."


def test_a_timer_is_paused_and_goes_on(known: Known) -> None:
    known.say("set a timer for ten minutes")
    known.wait(minutes=4)
    assert known.say("pause the timer") == "The timer is paused."
    known.wait(minutes=40)
    assert known.say("how much time is left") == "The timer has six minutes left, and it is paused."
    assert known.say("continue the timer") == "The timer goes on."
    known.wait(minutes=6)
    assert ring(known) == [""]


@pytest.mark.parametrize("words", ["ten more minutes", "add ten minutes to the timer"])
def test_a_timer_gets_more_time(words: str, known: Known) -> None:
    known.say("set a timer for one minute")
    assert known.say(words) == "The timer has ten minutes more."
    known.wait(minutes=10)
    assert ring(known) == []
    known.wait(minutes=1)
    assert ring(known) == [""]


def test_what_rings_gets_more_time(known: Known) -> None:
    known.say("set an egg timer for one minute")
    known.wait(minutes=1)
    assert ring(known) == ["egg"]
    said = known.said("five more minutes")
    assert said.question == "Five minutes more for egg?"
    assert known.say("five more minutes") == "Five minutes more."
    assert ring(known) == []
    known.wait(minutes=5)
    assert ring(known) == ["egg"]


def test_a_timer_without_a_length_is_asked_for_it(known: Known) -> None:
    assert known.say("set a pizza timer") == "For how long?"
    assert known.say("ten minutes") == "A pizza timer for ten minutes is running."


def test_who_does_not_answer_in_time_is_understood_anew(known: Known) -> None:
    clock = [0.0]
    known.desk = known.new_desk(monotonic=lambda: clock[0])
    assert known.say("set a timer") == "For how long?"
    clock[0] = 61
    assert known.say("ten minutes") is None


def test_there_is_nothing_to_do_without_timers(known: Known) -> None:
    for words in ("cancel the timer", "pause the timer", "how much time is left"):
        assert known.say(words) == "There is no timer."
    assert known.say("add ten minutes") in (None, "There is no timer.")


def test_a_timer_longer_than_two_days_is_none(known: Known) -> None:
    assert known.say("set a timer for fifty hours") == (
        "A timer can run for two days at most. For how long?"
    )
    assert known.desk.household.agenda.items() == []


def test_cancelling_what_rings_lets_it_be_silent_and_nothing_else(known: Known) -> None:
    known.say("set an egg timer for one minute")
    known.say("set a pizza timer for ten minutes")
    known.wait(minutes=1)
    assert ring(known) == ["egg"]
    assert known.say("stop the timer") == "All right."
    assert ring(known) == []
    assert [each.name for each in known.desk.household.agenda.items()] == ["pizza"]


def test_another_timer_than_the_one_that_was_named_is_asked_for_first(known: Known) -> None:
    known.say("set a pizza timer for ten minutes")
    said = known.said("cancel the egg timer")
    assert (said.asks, said.question) == (True, "Cancel the pizza timer?")
    assert not known.said("cancel the pizza timer").asks
    assert not known.said("cancel the timer").asks
