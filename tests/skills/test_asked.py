"""How requests are read: politeness, false starts, and what is asked back."""

from __future__ import annotations

import pytest

from assistant.skills.plainly import plainly
from assistant.skills.wording import requested
from tests.skills.conftest import Known
from tests.skills.test_requests import furnish


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("um could you please set a timer for me", "set a timer"),
        ("set a set a timer for uh ten minutes", "set a timer for ten minutes"),
        ("i'd like to hear my list please thank you", "hear my list"),
        ("what what day is it", "what day is it"),
        ("one plus two plus two", "one plus two plus two"),
        ("twenty twenty minutes", "twenty twenty minutes"),
    ],
)
def test_a_request_is_read_without_what_is_said_around_it(words: str, meant: str) -> None:
    assert plainly(words) == meant


def test_who_only_talks_about_a_timer_asks_for_none(known: Known) -> None:
    assert requested("i need a")
    assert requested("set the egg")
    assert not requested("i turned off the")
    assert not requested("have you set my")
    for words in (
        "my timer was broken",
        "my alarm went off at six",
        "ring peter at six",
        "wake me up before you go",
        "how long for the bus",
        "give me a minute",
    ):
        assert known.ask(words) is None, words


def test_a_timer_or_an_alarm_without_a_time_is_asked_for_it(known: Known) -> None:
    assert known.say("i need a timer") == "For how long?"
    assert known.say("ten minutes") == "A timer for ten minutes is running."
    assert known.say("i need to set an alarm") == "For what time?"
    assert known.say("seven") == "An alarm tomorrow at seven o'clock in the morning."
    several = "set an alarm for six and another for seven"
    assert known.say(several) == "I set one alarm after the other. For what time is the first?"


def test_when_may_come_before_what(known: Known) -> None:
    known.say("in twenty minutes remind me to check the oven")
    assert "check the oven" in (known.ask("what do i have to do today") or "")
    assert known.ask("yes every evening at six i feel weak") is None


def test_what_is_not_known_to_be_lost_is_left_to_the_language_model(known: Known) -> None:
    assert known.ask("i can't find my keys") is None
    assert known.ask("where is my wallet") == "I do not know. Nobody has told me."
    assert known.say("i put my keys in the drawer remember that") is not None
    assert known.ask("i can't find my keys") == "Your keys are in the drawer."


def test_where_the_user_lives_is_said_word_for_word(known: Known) -> None:
    assert known.ask("where do i live") == "Nobody has told me your address yet."
    furnish(known)
    assert known.ask("where do i live") == "Your address is 12 Mill Lane."


def test_the_volume_has_ten_levels(known: Known) -> None:
    assert known.say("set the volume to 5") == "I am speaking at volume five of ten now."
    manners = known.desk.household.manners
    assert manners.get().gain_db == 0.0
    known.say("volume 10")
    loudest = manners.get().gain_db
    known.say("turn the volume to level 1")
    assert manners.get().gain_db < 0.0 < loudest
    assert known.say("volume 40") == "I can speak at volume one to ten. Which one?"


def test_on_and_off_in_one_sentence_is_asked_back(known: Known) -> None:
    furnish(known)
    asked = known.say("take milk off my shopping list and add tea")
    assert asked == "One thing after the other, please. What shall I do first?"
    assert "off your shopping list" in (known.say("take milk off my shopping list") or "")


def test_what_is_used_up_is_put_on_the_list_after_asking(known: Known) -> None:
    assert known.said("we've run out of coffee").asks
    assert known.ask("we ran out of time") is None
    assert not known.said("add coffee to my shopping list").asks


def test_other_places_and_other_days(known: Known) -> None:
    assert (known.ask("what time is it in london") or "").startswith("I know the time only where")
    assert known.ask("what date will it be in ten days") == (
        "That is Wednesday, the ninth of December."
    )


def test_there_is_a_reminder_or_there_is_none(known: Known) -> None:
    furnish(known)
    assert "six o'clock" in (known.ask("is there a reminder to water the plants") or "")
    assert known.ask("did i set a reminder to clean the oven") == "There is no reminder about that."


def test_who_goes_on_to_something_else_has_not_answered(known: Known) -> None:
    assert known.say("remind me to call my son") == "When shall I remind you: call your son?"
    assert known.say("the pharmacist is called lily") is None
    assert known.say("at six") is None  # the question is over
    assert known.say("remind me to call my son") == "When shall I remind you: call your son?"
    assert (known.say("at six") or "").startswith("I will remind you today at six o'clock in the")
    assert (known.say("what do i have to do today") or "").startswith("There is one thing")
    assert known.say("it was lovely tomorrow") is None
    assert (known.say("what do i have to do today") or "").startswith("There is one thing")
    assert (known.say("and tomorrow") or "").startswith("There is nothing on your list tomorrow")
