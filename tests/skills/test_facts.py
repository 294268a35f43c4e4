"""What was written down is said word for word."""

from __future__ import annotations

import random

import pytest

from tests.skills.conftest import Known

REMINDERS = (
    "do not take the blue pill",
    "take two metformin tablets with breakfast",
    "take your tablets",
    "take my tablets",
    "call Peter at 5:30",
    "put the bins out",
    "see Dr. O'Neill on Friday",
    "never open the door to strangers",
    "feed the cat",
    "water the plants, but not the cactus",
    "ring Zo\u00eb",
    "bring 2 kg of potatoes",
)

NAMES = (
    "O'Brien", "Anna", "Zo\u00eb", "Jos\u00e9", "Mrs. Smith", "Dr. d'Arcy", "Mary-Jane",
    "Nguy\u1ec5n", "Bj\u00f6rn", "Siobh\u00e1n", "Mr. O'Connor-Jones", "Ren\u00e9e", "\u0141ukasz",
    "Chlo\u00eb", "Sir Ian", "Grandma", "Ng", "\u015een", "M'Bala", "von Trapp",
)  # fmt: skip


@pytest.mark.parametrize(
    "words", ["What do I have to do today?", "read me my reminders", "is there anything on my list"]
)
def test_reminders_are_complete_and_as_they_were_written(words: str, known: Known) -> None:
    dice = random.Random(1)
    for _ in range(200):
        reminders = tuple(dice.sample(REMINDERS, dice.randrange(7)))
        told = known.ask(words, reminders=reminders)
        assert told is not None
        if not reminders:
            assert told == "There is nothing on your list."
            continue
        rest = told.lower()
        for each in reminders:
            assert each.lower() in rest
            rest = rest.replace(each.lower(), "", 1)
        assert not any(each.lower() in rest for each in REMINDERS)  # and none beside
        number = "one thing" if len(reminders) == 1 else f"{len(reminders)} things"
        words_for = dict(zip("23456", "two three four five six".split(), strict=True))
        assert words_for.get(number[0], "one") in told


@pytest.mark.parametrize("name", NAMES)
def test_the_user_s_name_is_the_one_that_was_given(name: str, known: Known) -> None:
    for words in ("what is my name", "Who am I?", "i have forgotten my name"):
        assert known.ask(words, user_name=name) == f"Your name is {name}."
    assert known.ask("what is my name") == "Nobody has told me your name yet."


@pytest.mark.parametrize(
    "words",
    ["have i taken my pills", "is it time for my tablets", "When must I take my medicine?",
     "can i take another tablet", "i can't remember if i took my pills"],
)  # fmt: skip
def test_of_medicine_nothing_is_said_but_what_was_written_down(words: str, known: Known) -> None:
    told = known.ask(words, reminders=("do not take the blue pill", "call Peter"))
    assert told is not None
    assert told.startswith("Your list says: do not take the blue pill. I cannot know what you have")
    assert "Peter" not in told
    assert known.ask(words) == (
        "I cannot know what you have taken. Please look at your pill box, or ask somebody before "
        "you take anything."
    )


def test_what_was_said_last_is_said_again(known: Known) -> None:
    assert known.ask("I didn't catch that.") == "I have not said anything yet."
    assert known.ask("say that again please", said_last="It is noon.") == "It is noon."


def test_it_says_what_it_is_and_what_it_cannot_do(known: Known) -> None:
    assert "machine" in (known.ask("are you a real person") or "")
    assert "shopping list" in (known.ask("what can you do") or "")
