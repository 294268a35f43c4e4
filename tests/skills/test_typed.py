"""What is typed is kept as it was meant, or refused; what is kept can be changed by its number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from assistant.errors import HouseholdError
from assistant.household.agenda import How, Kind
from assistant.household.clocks import Moment
from assistant.household.nouns import ACTS, Act, Noun
from assistant.journal.store import Journal
from assistant.skills.typed import Typed

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 15, 30, tzinfo=BERLIN)  # a Sunday
WEEKDAYS = [0, 1, 2, 3, 4]


class Clocks:
    """Clocks that a test moves."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def __call__(self) -> Moment:
        return Moment(NOW + timedelta(seconds=self.passed_s), "boot", 1_000 + self.passed_s)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def typed(journal: Journal, clocks: Clocks) -> Typed:
    return Typed(journal, clocks)


Later = Callable[[float], None]


@pytest.fixture
def later(typed: Typed, clocks: Clocks) -> Later:
    """Time passes, and what is due is noticed."""

    def later(seconds: float) -> None:
        clocks.passed_s += seconds
        typed.agenda.tick(clocks())

    return later


def one(typed: Typed, noun: Noun, words: str) -> dict[str, Any]:
    (record,) = typed.keep(noun, words.split())
    return record


@pytest.mark.parametrize(
    ("words", "length_s", "name"),
    [
        ("ten minutes pizza", 600, "pizza"),
        ("pizza 10 minutes", 600, "pizza"),
        ("an hour and a half", 5_400, ""),
        ("a timer for the eggs for 90 seconds", 90, "eggs"),
        ("48 hours", 172_800, ""),
    ],
)
def test_a_timer_has_its_length_and_name(
    typed: Typed, words: str, length_s: float, name: str
) -> None:
    record = one(typed, "timers", words)
    assert (record["length_s"], record["left_s"]) == (length_s, length_s)
    assert (record["kind"], record["name"], record["state"]) == ("timer", name, "waiting")
    assert datetime.fromisoformat(record["due_at"]) == NOW + timedelta(seconds=length_s)


@pytest.mark.parametrize(
    ("words", "due_at", "days", "name"),
    [
        ("every morning at eight take the blue pill", "2026-11-30T08:00", [*range(7)],
         "take the blue pill"),
        ("call Peter tomorrow at ten", "2026-11-30T10:00", [], "call Peter"),
        ("on weekdays at 7:30 feed the cat", "2026-11-30T07:30", WEEKDAYS, "feed the cat"),
        ("tomorrow at ten to call my daughter Zoë, in Leeds", "2026-11-30T10:00", [],
         "call my daughter Zoë, in Leeds"),
        ("at eight in the evening take 2 tablets", "2026-11-29T20:00", [], "take 2 tablets"),
        ("do not take the red pill in an hour", "2026-11-29T16:30", [],
         "do not take the red pill"),
    ],
)  # fmt: skip
def test_a_reminder_has_its_time_and_stays_as_it_was_typed(
    typed: Typed, words: str, due_at: str, days: list[int], name: str
) -> None:
    record = one(typed, "reminders", words)
    assert datetime.fromisoformat(record["due_at"]) == datetime.fromisoformat(due_at).replace(
        tzinfo=BERLIN
    )
    assert (record["kind"], record["days"], record["name"]) == ("reminder", days, name)


@pytest.mark.parametrize(
    ("words", "due_at", "days"),
    [
        ("seven", "2026-11-30T07:00", []),
        ("for half past six", "2026-11-30T06:30", []),
        ("wake me up every weekday at 7", "2026-11-30T07:00", WEEKDAYS),
        ("tomorrow at four in the afternoon", "2026-11-30T16:00", []),
    ],
)
def test_an_alarm_has_its_time(typed: Typed, words: str, due_at: str, days: list[int]) -> None:
    record = one(typed, "alarms", words)
    assert datetime.fromisoformat(record["due_at"]) == datetime.fromisoformat(due_at).replace(
        tzinfo=BERLIN
    )
    assert (record["kind"], record["days"], record["name"]) == ("alarm", days, "")


@pytest.mark.parametrize(
    ("words", "name", "texts"),
    [
        ("shopping milk eggs", "shopping", ["milk", "eggs"]),
        ("shopping|brown bread|milk", "shopping", ["brown bread", "milk"]),
        ("groceries milk, brown bread and some eggs", "shopping", ["milk", "brown bread", "eggs"]),
        ("To-Do|call Peter", "to do", ["call Peter"]),
        ("Christmas presents", "christmas", ["presents"]),
    ],
)
def test_things_are_put_on_a_list(typed: Typed, words: str, name: str, texts: list[str]) -> None:
    typed.keep("lists", words.split("|") if "|" in words else words.split())
    assert [(entry["list"], entry["text"]) for entry in typed.kept("lists")] == [
        (name, text) for text in texts
    ]


def test_a_note_is_kept_word_for_word(typed: Typed) -> None:
    text = "Peter is your son. He lives in Leeds; 0113 496 0000."
    assert typed.keep("notes", ["Peter", text]) == [{"id": 1, "subject": "Peter", "text": text}]
    assert [note.text for note in typed.notes.about("peter")] == [text]


@pytest.mark.parametrize(
    ("noun", "words", "told"),
    [
        ("timers", ["pizza"], "how long the timer in 'pizza' is to run. Say it like 'ten minutes'"),
        ("timers", ["three days"], "two days at most"),
        ("reminders", ["call Peter"], "time in 'call Peter'. Say it like 'tomorrow at ten'"),
        ("reminders", ["tomorrow call Peter"], "I do not understand the time"),
        ("reminders", ["every other day at ten take a pill"], "I do not understand the time"),
        ("reminders", ["tomorrow at ten"], "does not say what to be reminded of"),
        ("alarms", ["soon"], "I do not understand the time in 'soon'"),
        ("alarms", ["tomorrow at ten call Peter"], "only rings, so I do not know what 'call peter"),
        ("lists", ["shopping"], "Name a list and what to put on it"),
        ("lists", ["...", "milk"], "Name a list and what to put on it"),
        ("notes", ["Peter"], "Name whom or what the note is about"),
        ("notes", ["Peter", " "], "Name whom or what the note is about"),
    ],
)
def test_what_is_not_understood_is_refused_with_an_example(
    typed: Typed, noun: Noun, words: list[str], told: str
) -> None:
    with pytest.raises(HouseholdError) as refused:
        typed.keep(noun, words)
    assert told in str(refused.value)
    assert typed.kept(noun) == []


def test_a_timer_is_paused_and_goes_on(typed: Typed, later: Later) -> None:
    typed.keep("timers", ["ten minutes"])
    later(60)
    (before,) = typed.change("timers", "pause", [1])
    assert (before["state"], before["left_s"]) == ("waiting", 540)
    later(600)
    (paused,) = typed.kept("timers")
    assert (paused["state"], paused["left_s"], paused["due_at"]) == ("paused", 540, None)
    with pytest.raises(HouseholdError, match="None of the timers is waiting at the moment"):
        typed.change("timers", "pause", [1])
    typed.change("timers", "resume", [1])
    later(539)
    assert typed.kept("timers")[0]["state"] == "waiting"
    later(1)
    assert typed.kept("timers")[0]["state"] == "ringing"
    typed.change("timers", "stop", [])
    assert typed.kept("timers") == []


def test_a_repeating_reminder_is_confirmed_and_comes_again(typed: Typed, later: Later) -> None:
    typed.keep("reminders", ["every day at four in the afternoon", "drink some water"])
    with pytest.raises(HouseholdError, match="None of the reminders is ringing at the moment"):
        typed.change("reminders", "done", [])
    later(1_800)
    assert [each["state"] for each in typed.kept("reminders")] == ["ringing", "waiting"]
    (done,) = typed.change("reminders", "done", [1])
    assert done["state"] == "ringing"
    (left,) = typed.kept("reminders")
    assert (left["id"], left["state"], left["left_s"]) == (1, "waiting", 86_400)
    assert [ring.how for ring in typed.agenda.past(NOW)] == [How.DONE]


def test_stop_silences_only_its_kind_and_remove_also_what_is_to_come(
    typed: Typed, later: Later
) -> None:
    typed.keep("alarms", ["every day at four in the afternoon"])
    typed.keep("timers", ["thirty minutes"])
    later(1_800)
    typed.change("alarms", "stop", [])
    assert [ring.kind for ring in typed.agenda.rings()] == [Kind.TIMER]
    assert len(typed.kept("alarms")) == 1
    later(86_400)
    typed.change("alarms", "remove", [1])
    assert typed.kept("alarms") == []
    assert [ring.kind for ring in typed.agenda.rings()] == [Kind.TIMER]


def test_entries_are_ticked_off_or_removed_and_notes_forgotten(typed: Typed) -> None:
    typed.keep("lists", ["shopping", "milk", "eggs", "bread"])
    assert [each["text"] for each in typed.change("lists", "done", [1, 2])] == ["milk", "eggs"]
    typed.change("lists", "remove", [3])
    assert typed.kept("lists") == []
    typed.keep("notes", ["keys", "Your keys hang by the door."])
    typed.change("notes", "remove", [1])
    assert typed.kept("notes") == []


def test_an_unknown_number_changes_nothing(typed: Typed) -> None:
    typed.keep("lists", ["shopping", "milk"])
    with pytest.raises(HouseholdError, match="There is no number 7 among the lists"):
        typed.change("lists", "remove", [1, 7])
    assert len(typed.kept("lists")) == 1
    typed.keep("timers", ["ten minutes"])
    with pytest.raises(HouseholdError, match="There is no number 1 among the reminders"):
        typed.change("reminders", "remove", [1])
    assert len(typed.kept("timers")) == 1


@pytest.mark.parametrize("noun", ACTS)
def test_without_a_number_nothing_is_removed(typed: Typed, noun: Noun) -> None:
    typed.keep("lists", ["shopping", "milk"])
    typed.keep("notes", ["keys", "Your keys hang by the door."])
    typed.keep("reminders", ["tomorrow at ten call Peter"])
    with pytest.raises(HouseholdError, match="was named, so nothing was changed"):
        typed.change(noun, "remove", [])
    assert [len(typed.kept(each)) for each in ("lists", "notes", "reminders")] == [1, 1, 1]


@pytest.mark.parametrize(("noun", "act"), [("notes", "done"), ("alarms", "pause")])
def test_what_makes_no_sense_is_refused(typed: Typed, noun: Noun, act: Act) -> None:
    with pytest.raises(HouseholdError, match=f"The {noun} take only "):
        typed.change(noun, act, [1])


def test_how_reminders_were_answered_is_told(typed: Typed, later: Later) -> None:
    typed.keep("reminders", ["every day at four in the afternoon", "drink some water"])
    typed.keep("timers", ["ten minutes"])
    later(1_800)
    typed.change("timers", "stop", [])
    later(60)
    typed.change("reminders", "done", [])
    later(3 * 86_400)  # it was off meanwhile
    assert [(each["state"], each["ended_at"]) for each in typed.past_reminders(7)] == [
        ("done", "2026-11-29T15:01:00+00:00"),
        ("missed", None),
        ("missed", None),
    ]
    assert [each["due_at"][:10] for each in typed.past_reminders(7)] == [
        "2026-11-29", "2026-11-30", "2026-12-01",
    ]  # fmt: skip
    assert len(typed.past_reminders(2)) == 1
