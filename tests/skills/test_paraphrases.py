"""What people ask for in other words, and what only sounds like it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from assistant.household.agenda import Kind
from assistant.household.lists import SHOPPING
from assistant.household.notes import Notes
from assistant.skills.birthdays import next_birthday
from tests.skills.conftest import NOW, Known


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("neighbour's number", "what is the number of my neighbor"),
        ("neighbor's phone number", "what is my neighbour's telephone number"),
        ("daughter's number", "what's the phone number of my daughter"),
        ("daughter's number", "How can I reach my daughter?"),
        ("Anna's number", "give me anna's number"),
        ("Peter's address", "where does peter live"),
        ("Peter", "tell me where peter lives"),
        ("grey coat", "where is my gray coat"),
        ("age", "how old am i"),
        ("birthday", "when was i born"),
    ],
)
def test_a_note_is_found_however_it_is_spelt_and_asked_for(
    known: Known, subject: str, asked: str
) -> None:
    known.desk.household.notes.write(subject, "this is the note", NOW)
    assert known.say(asked) == "This is the note."


def test_what_nobody_told_is_not_left_to_a_language_model(known: Known) -> None:
    assert known.ask("what is my daughter's telephone number") == (
        "Nobody has told me your daughter's telephone number yet."
    )
    assert known.ask("how old am i") == "Nobody has told me about your age yet."
    assert known.ask("how many days until my birthday") == (
        "Nobody has told me when your birthday is."
    )
    assert known.ask("when do i see doctor miller") == (
        "There is nothing about that on your calendar or your list."
    )


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Your birthday is on the third of May", (2027, 5, 3)),
        ("3 May 1941", (2027, 5, 3)),
        ("you were born on May 3rd, 1941", (2027, 5, 3)),
        ("the twenty-second of December", (2026, 12, 22)),
        ("29 November", (2026, 11, 29)),
        ("29 February 1940", (2027, 3, 1)),
    ],
)
def test_a_birthday_is_read_from_its_note(
    known: Known, text: str, day: tuple[int, int, int]
) -> None:
    notes: Notes = known.desk.household.notes
    notes.write("birthday", text, NOW)
    found = next_birthday("my birthday", notes, NOW)
    assert found is not None
    assert found.at == datetime(*day, tzinfo=timezone.utc)


def test_days_until_a_birthday_are_counted(known: Known) -> None:
    known.desk.household.notes.write("birthday", "your birthday is on the third of may", NOW)
    known.desk.household.notes.write("Peter's birthday", "Peter's birthday is 2 December", NOW)
    assert "one hundred and fifty-five days" in (known.say("how many days until my birthday") or "")
    assert "three days" in (known.say("how many days until peter's birthday") or "")
    assert known.say("how many days are left until sunday") == (
        "That is in seven days, on Sunday, the sixth of December."
    )


def test_a_list_knows_either_spelling_and_what_was_bought_before(known: Known) -> None:
    lists = known.desk.household.lists
    lists.add(SHOPPING, ["yoghurt", "butter"], NOW)
    assert known.say("take the yogurt off my list") == "Yoghurt is off your shopping list."
    assert known.say("we need more yogurt") == "Yogurt is on your shopping list."
    assert known.say("do we need butter") == "Yes, butter is on your shopping list."
    assert known.say("i have got the butter") == "Butter is off your shopping list."
    assert known.say("do we need butter") == "No, butter is not on your shopping list."


@pytest.mark.parametrize(
    "words",
    ["we need more time", "we need love", "do we need money", "write down my thoughts",
     "i need the milk would you please", "order all items on my shopping list",
     "i already have a husband", "we need some rain", "there is nothing on the list"],
)  # fmt: skip
def test_a_remark_puts_nothing_on_a_list(known: Known, words: str) -> None:
    known.desk.household.lists.add(SHOPPING, ["milk"], NOW)
    said = known.desk.answer(words)
    assert said is None or said.act is None


def test_where_something_is_noted_is_asked(known: Known) -> None:
    said = known.desk.answer("write down bananas")
    assert said is not None
    assert said.asks
    assert said.question == "Put bananas on your shopping list?"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("i have an appointment at the hairdresser on friday at two",
         "appointment at the hairdresser"),
        ("put the dentist in my calendar on friday at two", "the dentist"),
    ],
)  # fmt: skip
def test_who_tells_of_an_appointment_is_asked_about_a_reminder(
    known: Known, words: str, name: str
) -> None:
    said = known.desk.answer(words)
    assert said is not None
    assert said.asks
    known.desk.commit(said)
    [item] = known.desk.household.agenda.items(Kind.REMINDER)
    assert item.name == name


def test_an_appointment_is_found_by_what_it_is_called(known: Known) -> None:
    tomorrow = NOW.replace(day=30)
    known.desk.household.agenda.add(Kind.REMINDER, "the dentist", tomorrow, known.look())
    assert known.say("when is my appointment with the dentist") == (
        "The dentist: tomorrow at half past three in the afternoon."
    )


@pytest.mark.parametrize(
    "words",
    ["stop talking", "remove coffee from the list", "put the dentist in my diary",
     "is there anything on tomorrow", "give me a hand", "i walked there in ten minutes"],
)  # fmt: skip
def test_after_a_timer_other_talk_is_none_of_it(known: Known, words: str) -> None:
    known.say("set a timer for twenty minutes")
    found = known.desk.recognised(words)
    assert found is None or not found[0].name.startswith("timers.")


@pytest.mark.parametrize("words", ["add five minutes", "put another five minutes on"])
def test_more_time_is_for_the_timer_that_was_spoken_of(known: Known, words: str) -> None:
    known.say("set a timer for twenty minutes")
    assert known.say(words) == "The timer has five minutes more."


@pytest.mark.parametrize("words", ["i've taken my tablets", "I took the blue pill."])
def test_who_has_taken_the_pills_needs_no_help(known: Known, words: str) -> None:
    known.desk.household.agenda.add(Kind.REMINDER, "take the blue pill", NOW, known.look())
    known.wait(seconds=1)
    known.desk.household.agenda.tick(known.look())
    assert known.desk.urgent(words) is None
    assert known.say(words) == ("Good. I have written down that this is done: take the blue pill.")


def test_words_are_said_for_somebody_else(known: Known) -> None:
    assert known.say("Say for me I would like a cup of tea") == "I would like a cup of tea"


def test_a_visitor_is_looked_for_by_name(known: Known) -> None:
    assert known.ask("is spring coming tomorrow") is None
    known.desk.household.notes.write("Susan", "Susan is your niece", NOW)
    assert known.ask("is susan coming tomorrow") == (
        "There is nothing about that on your calendar for tomorrow."
    )


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("no alarm tomorrow please", "alarms.cancel"),
        ("have i got a doctor's appointment", "reminders.when"),
        ("what did i have planned for today", "reminders.list"),
        ("what are my plans for tomorrow", "reminders.list"),
        ("what do i need to take", "reminders.pills"),
        ("is the nurse coming today", "reminders.visitors"),
        ("who visits me tomorrow", "reminders.visitors"),
        ("bread and butter on the list please", "lists.brief"),
        ("make a list for the holiday", "lists.add"),
        ("what else is on the list", "lists.read"),
        ("delete bread", "lists.off"),
        ("i already have bread", "lists.off"),
        ("tell me about peter", "notes.find"),
        ("which drawer are my glasses in", "notes.where"),
        ("when is my birthday", "reminders.when | notes.find"),
        ("can you time three minutes for my egg", "timers.set"),
        ("time the pizza for twelve minutes", "timers.set"),
        ("repeat it clearly for my visitor", "talk.for_me"),
    ],
)
def test_other_words_ask_for_the_same(known: Known, words: str, request_: str) -> None:
    house = known.desk.household
    house.lists.add(SHOPPING, ["bread"], NOW)
    house.agenda.add(Kind.ALARM, "", NOW.replace(day=30, hour=7), known.look())
    for subject in ("Peter", "glasses", "birthday"):
        house.notes.write(subject, "it is the third of may", NOW)
    found = known.desk.recognised(words)
    assert found is not None
    assert found[0].name in request_.split(" | ")
