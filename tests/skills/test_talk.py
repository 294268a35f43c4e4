"""Talk about talk, by voice."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.journal.store import Journal
from assistant.speak.manner import USUAL, Manner
from tests.journal.exchanges import exchange
from tests.skills.conftest import Known


def test_the_voice_changes_and_the_change_is_kept(known: Known, tmp_path: Path) -> None:
    heard: list[Manner] = []
    known.desk = known.new_desk(adjust=heard.append)
    assert known.say("speak a bit louder please") == "I am speaking louder now."
    assert known.say("slow down") == "I am speaking more slowly now."
    assert [each.gain_db for each in heard] == [6.0, 6.0]
    assert heard[-1].tempo < 1.0
    with Journal(tmp_path / "journal.db") as second:
        assert Known(second).desk.household.manners.get() == heard[-1]
    assert known.say("speak normally again") == "I am speaking as usual again."
    assert heard[-1] == known.desk.household.manners.get() == USUAL


def test_the_voice_says_when_it_can_no_more(known: Known) -> None:
    told = [known.say("louder") for _ in range(4)]
    assert told[0] == "I am speaking louder now."
    assert told[-1] == "I cannot speak any louder."


def test_what_was_said_is_said_again_and_what_was_heard_too(known: Known) -> None:
    assert known.say("what did i just say") == "You have not said anything yet."
    known.desk.exchanged("the garden is lovely", "Yes, it is.")
    assert known.ask("say that again") == "Yes, it is."
    assert known.ask("what did i just say") == "You said: the garden is lovely."
    assert known.ask("say it for me") == "the garden is lovely"


def test_what_was_talked_about_comes_from_the_journal(known: Known) -> None:
    assert known.say("what did we talk about today") == "I have heard nothing today."
    exchange(known.journal, "i like my garden", started_at=known.now.replace(hour=9))
    exchange(known.journal, "peter is nice", started_at=known.now.replace(hour=14))
    assert known.say("what did we talk about this morning") == (
        'This morning you talked to me about this, among other things: "you like your garden".'
    )
    assert known.say("what did we talk about yesterday") == "I have heard nothing yesterday."


@pytest.mark.parametrize("words", ["undo", "cancel that", "take that back"])
def test_an_act_is_taken_back_within_a_minute(words: str, known: Known) -> None:
    clock = [0.0]
    known.desk = known.new_desk(monotonic=lambda: clock[0])
    assert known.desk.answer(words) is None
    known.say("set a timer for ten minutes")
    clock[0] = 60.0
    assert known.say(words) == "I have taken that back."
    assert known.desk.household.agenda.items() == []
    assert known.say(words) in (None, "There is no timer.")  # it was only set once
    known.say("set a timer for ten minutes")
    clock[0] = 121.0
    assert known.desk.answer(words) is None
    assert len(known.desk.household.agenda.items()) == 1


def test_no_takes_back_only_what_was_done_just_before(known: Known) -> None:
    known.say("set a timer for ten minutes")
    assert known.say("no that's wrong") == "I have taken that back."
    assert known.desk.household.agenda.items() == []
    known.say("set a timer for ten minutes")
    known.desk.exchanged("the garden is lovely", "Yes, it is.")
    assert known.desk.answer("no") is None
    assert len(known.desk.household.agenda.items()) == 1


def test_what_was_taken_back_stays_so(known: Known) -> None:
    known.say("add milk to my shopping list")
    known.say("undo")
    assert known.desk.answer("undo") is None
    assert known.desk.household.lists.entries() == []


def test_everything_is_said_for_a_visitor_until_thank_you(known: Known) -> None:
    assert known.say("be my voice") == "I will say what you say, until you say thank you."
    assert known.say("I want the red one.") == "I want the red one."
    assert known.say("what time is it") == "what time is it"
    assert known.say("i have fallen") != "i have fallen"  # a call for help stays one
    assert known.say("Thank you!") == "You are welcome."
    assert known.say("what time is it") == "It is half past three in the afternoon."


def test_quiet_ends_when_it_is_wanted(known: Known) -> None:
    assert known.say("you can talk again") is None
    told = known.say("don't disturb me until five")
    assert told is not None
    assert told.startswith("I will say nothing unasked until five o'clock in the afternoon.")
    assert known.desk.household.quiet.until(known.now) is not None
    assert known.say("you can talk again") == "I will speak up again."
    assert known.desk.household.quiet.until(known.now) is None
