"""Lists and notes by voice."""

from __future__ import annotations

import pytest

from tests.skills.conftest import Known


def entries(known: Known, name: str | None = None) -> list[str]:
    return [each.text for each in known.desk.household.lists.entries(name)]


def test_several_things_are_put_on_a_list_and_read(known: Known) -> None:
    assert known.say("Add milk, eggs and Earl Grey to my shopping list.") == (
        "Milk, eggs and Earl Grey are on your shopping list."
    )
    assert known.say("we need to buy some bread") == "Bread is on your shopping list."
    assert known.say("what is on my shopping list") == (
        "There are four things on your shopping list: milk, eggs, Earl Grey and bread."
    )
    assert known.say("what do i need to buy") == known.say("read me my shopping list")
    assert known.say("is bread on my shopping list") == "Yes, bread is on your shopping list."
    assert known.say("is butter on the list") == "No, butter is not on your shopping list."


def test_things_are_ticked_off(known: Known) -> None:
    known.say("add milk and eggs to my shopping list")
    known.say("add call the egg man to my to do list")
    assert known.say("take the milk off my shopping list") == "Milk is off your shopping list."
    assert known.say("take butter off my shopping list") == "Butter is not on your shopping list."
    assert known.say("i have bought the eggs") == "Eggs is off your shopping list."
    assert entries(known) == ["call the egg man"]
    assert known.desk.answer("i have bought a hat") is None


def test_what_stands_on_two_lists_goes_off_both_by_name(known: Known) -> None:
    known.say("add milk to my shopping list")
    known.say("add milk to my garden list")
    told = known.say("i bought milk") or known.say("i have bought milk")
    assert told == "Milk and milk are off your shopping list and your garden list."
    assert entries(known) == []


def test_a_list_is_cleared_after_asking_only(known: Known) -> None:
    assert known.say("clear my shopping list") == "There is nothing on your shopping list."
    known.say("add milk and eggs to my shopping list")
    said = known.said("clear my shopping list")
    assert (said.asks, said.question) == (
        True,
        "Take everything off your shopping list, two things?",
    )
    assert known.say("clear my shopping list") == "Your shopping list is empty now."
    assert known.say("undo") == "I have taken that back."
    assert entries(known) == ["milk", "eggs"]


def test_any_name_is_a_list(known: Known) -> None:
    assert known.say("put roses on my garden list") == "Roses is on your garden list."
    assert known.say("which lists do i have") == "There is something on your garden list."
    assert known.say("what's on my garden list") == (
        "There is one thing on your garden list: roses."
    )


def test_what_shall_be_put_on_a_list_is_asked_for(known: Known) -> None:
    assert known.say("add something to my shopping list") == (
        "What shall I put on your shopping list?"
    )
    assert known.say("Tea and milk") == "Tea and milk are on your shopping list."


@pytest.mark.parametrize("words", ["add ten minutes", "add five minutes to the egg timer"])
def test_time_is_nothing_to_buy(words: str, known: Known) -> None:
    known.say(words)
    assert entries(known) == []


def test_where_things_are_is_said_word_for_word(known: Known) -> None:
    assert known.say("Remember that my keys are in Grandma's blue drawer.") == (
        "I will remember that: your keys are in Grandma's blue drawer."
    )
    for words in ("where are my keys", "where did i put my keys", "i can't find my keys"):
        assert known.say(words) == "Your keys are in Grandma's blue drawer."
    assert known.say("where are my glasses") == "I do not know. Nobody has told me."
    known.say("remember that my keys are in the kitchen")
    assert known.say("where are my keys") == "Your keys are in the kitchen."


def test_who_somebody_is_is_said_as_it_was_written(known: Known) -> None:
    notes = known.desk.household.notes
    notes.write("Peter", "Peter is your son. He lives in Zo\u00eb's house.", known.now)
    notes.write("my address", "12 O'Brien Street", known.now)
    notes.write("Peter's number", "oh seven seven, one two three", known.now)
    assert known.say("who is Peter") == "Peter is your son. He lives in Zo\u00eb's house."
    assert known.say("what is my address") == "12 O'Brien Street."
    assert known.say("what is the telephone number of Peter") == "Oh seven seven, one two three."
    assert known.say("what is peter's phone number") == "Oh seven seven, one two three."
    assert known.say("who is Anna") == "Nobody has told me who that is."
    assert known.say("what is my telephone number") == (
        "Nobody has told me about your telephone number yet."
    )


def test_a_note_is_forgotten_after_asking_only(known: Known) -> None:
    known.say("remember that my keys are in the kitchen")
    said = known.said("forget what i told you about my keys")
    assert (said.asks, said.question) == (
        True, "Shall I forget about keys: your keys are in the kitchen?",
    )  # fmt: skip
    assert known.say("forget what i told you about my keys") == (
        "I have forgotten what I knew about keys."
    )
    assert known.desk.household.notes.all() == []
    assert known.say("forget what i told you about my keys") == "There is no note about that."
