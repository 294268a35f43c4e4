"""Reminders, alarms and appointments by voice; the clock stands at half past three on a Sunday."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.household.agenda import How, Kind
from assistant.journal.store import Journal
from tests.household.test_calendars import event, write
from tests.skills.conftest import Known

PILLS = (
    "I cannot know what you have taken. Please look at your pill box, or ask somebody before you "
    "take anything."
)


def ring(known: Known) -> list[str]:
    return [each.name for each in known.desk.household.agenda.tick(known.look())]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "Remind me to call Peter at half past five.",
            "I will remind you today at half past five in the afternoon: call Peter.",
        ),
        (
            "remind me in ten minutes to take my pills",
            "I will remind you today at twenty to four in the afternoon: take your pills.",
        ),
        (
            "every morning at eight take the blue pill",
            "I will remind you every day at eight o'clock in the morning: take the blue pill.",
        ),
        (
            "don't let me forget tomorrow at nine that I have to see Dr. O'Neill",
            "I will remind you tomorrow at nine o'clock in the morning: see Dr. O'Neill.",
        ),
        (
            "remind me on weekdays at seven not to take the blue pill",
            "I will remind you on weekdays at seven o'clock in the morning: not to take the blue "
            "pill.",
        ),
    ],
)  # fmt: skip
def test_a_reminder_is_set_and_read_back(words: str, told: str, known: Known) -> None:
    assert known.say(words) == told
    [item] = known.desk.household.agenda.items()
    assert told.endswith(f": {item.name}.")


def test_what_is_missing_is_asked_for(known: Known) -> None:
    assert known.say("remind me to call Peter") == "When shall I remind you: call Peter?"
    assert known.say("at six") == (
        "I will remind you today at six o'clock in the evening: call Peter."
    )
    assert known.say("remind me tomorrow to call Anna") == "At what time tomorrow?"
    assert known.say("at nine") == (
        "I will remind you tomorrow at nine o'clock in the morning: call Anna."
    )
    assert known.say("remind me tomorrow at noon") == "What shall I remind you of?"
    assert (known.say("to eat") or "").endswith(": eat.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("wake me at seven", "An alarm tomorrow at seven o'clock in the morning."),
        ("set an alarm for half past six", "An alarm tomorrow at half past six in the morning."),
        (
            "set an alarm for seven every weekday",
            "An alarm on weekdays at seven o'clock in the morning.",
        ),
    ],
)
def test_an_alarm_is_set_and_read_back(words: str, told: str, known: Known) -> None:
    assert known.say(words) == told
    assert [each.kind for each in known.desk.household.agenda.items()] == [Kind.ALARM]


def test_an_alarm_without_a_time_is_asked_for_it(known: Known) -> None:
    assert known.say("set an alarm") == "For what time?"
    assert known.say("seven") == "An alarm tomorrow at seven o'clock in the morning."
    assert known.say("which alarms do i have") == (
        "An alarm tomorrow at seven o'clock in the morning."
    )
    assert known.said("cancel the alarm").question == (
        "Cancel the alarm tomorrow at seven o'clock in the morning?"
    )
    assert known.say("cancel the alarm") == (
        "Cancelled: the alarm tomorrow at seven o'clock in the morning."
    )
    assert known.say("which alarms do i have") == "There is no alarm."


def test_turning_off_an_alarm_that_rings_leaves_tomorrow_s(known: Known) -> None:
    known.say("wake me every day at four")
    known.now = datetime(2026, 11, 30, 4, 0, tzinfo=timezone.utc)
    assert ring(known) == [""]
    assert known.say("turn off the alarm") == "All right."
    assert ring(known) == []
    assert len(known.desk.household.agenda.items()) == 1


def test_done_and_later_mean_something_only_while_something_rings(known: Known) -> None:
    for words in ("done", "later", "okay", "i took it", "not now"):
        assert known.desk.answer(words) is None
    known.say("remind me at four to take my pills")
    known.wait(minutes=30)
    assert ring(known) == ["take your pills"]
    assert known.say("not now") == "I will say it again in ten minutes."
    assert ring(known) == []
    known.wait(minutes=10)
    assert ring(known) == ["take your pills"]
    assert known.say("remind me again in an hour") == "I will say it again in one hour."
    known.wait(hours=1)
    assert ring(known) == ["take your pills"]
    assert known.say("I took them.") == (
        "Good. I have written down that this is done: take your pills."
    )
    assert ring(known) == []
    assert known.desk.answer("done") is None


def test_later_can_be_taken_back(known: Known) -> None:
    known.say("remind me at four to take my pills")
    known.wait(minutes=30)
    ring(known)
    known.say("later")
    assert known.say("undo") == "I have taken that back."
    assert ring(known) == ["take your pills"]


def test_a_timer_that_is_answered_is_not_called_done(known: Known) -> None:
    known.say("set a timer for one minute")
    known.wait(minutes=1)
    assert ring(known) == [""]
    assert known.say("okay") == "All right."


def test_what_was_confirmed_is_told_with_its_time_and_nothing_else(known: Known) -> None:
    assert known.say("have i taken my pills") == PILLS
    known.say("remind me at four to take the blue pill")
    known.wait(minutes=30)
    ring(known)
    assert known.say("have i taken my pills") == PILLS
    known.say("done")
    assert known.say("have i taken my pills") == (
        f"You told me that this is done, at four o'clock in the afternoon: take the blue pill. "
        f"{PILLS}"
    )
    known.wait(days=1)
    assert known.say("have i taken my pills") == PILLS


def test_a_reminder_is_cancelled_by_its_words_or_its_time(known: Known) -> None:
    known.say("remind me at six to call Peter")
    known.say("every day at eight in the morning take the blue pill")
    assert known.say("cancel the reminder") == ("Which one: call Peter and take the blue pill?")
    assert known.say("to call peter") == (
        "Cancelled: the reminder today at six o'clock in the evening: call Peter."
    )
    said = known.said("cancel the reminder to water the plants")
    assert said.asks
    assert said.question == (
        "Cancel the reminder every day at eight o'clock in the morning: take the blue pill?"
    )
    known.say("remind me at six to call Anna")
    assert (known.say("cancel the reminder at six") or "").endswith(": call Anna.")


def test_the_day_is_told_with_appointments(known: Known, tmp_path: Path) -> None:
    known.settings = {"calendars": [write(
        tmp_path / "own.ics",
        event("Peter comes", "DTSTART:20261129T170000Z"),
        event("Dr. O'Neill", "DTSTART:20261130T090000Z"),
    )]}  # fmt: skip
    known.desk = known.new_desk()
    known.say("remind me at four to water the plants")
    known.say("put call the bank on my to do list")
    assert known.say("what do i have to do today") == (
        "There are three things on your list. Four o'clock in the afternoon: water the plants. "
        "Five o'clock in the afternoon: Peter comes. Call the bank."
    )
    assert known.say("and tomorrow") == (
        "There is one thing on your list tomorrow: nine o'clock in the morning: Dr. O'Neill."
    )
    assert known.say("who is coming today") == (
        "On your calendar for today: five o'clock in the afternoon: Peter comes."
    )
    assert known.say("when do i see dr o'neill") == (
        "Dr. O'Neill: tomorrow at nine o'clock in the morning."
    )
    assert known.say("when is my hairdresser") == (
        "There is nothing about that on your calendar or your list."
    )


def test_the_tenth_time_is_answered_like_the_first(known: Known) -> None:
    assert len({known.say("who is coming today") for _ in range(10)}) == 1


def test_reminders_outlive_the_process(known: Known, tmp_path: Path) -> None:
    known.say("remind me tomorrow at nine to call Peter")
    with Journal(tmp_path / "journal.db") as journal:
        second = Known(journal, now=known.now + timedelta(days=1))
        assert [each.name for each in second.desk.household.agenda.tick(second.look())] == [
            "call Peter"
        ]


def test_done_is_kept(known: Known) -> None:
    known.say("remind me at four to call Peter")
    known.wait(minutes=30)
    ring(known)
    known.say("it's done")
    [past] = known.desk.household.agenda.past(known.now - timedelta(hours=1))
    assert past.how is How.DONE
