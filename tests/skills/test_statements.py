"""Whatever a household keeps, and whenever it is asked: no statement is wrong."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from assistant.household.agenda import How, Kind
from assistant.skills.desk import SKILLS
from assistant.spoken_times import spoken_time
from tests.skills.conftest import Known
from tests.skills.test_facts import NAMES, REMINDERS

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")

MORE_NAMES = (
    "D'Angelo", "L'Oreal Jones", "Sean O'Casey", "Ta'Niyah", "Mr. Fitz-Gerald",
    "Prof. \u00c5ngstr\u00f6m", "Ms. Garc\u00eda L\u00f3pez", "Fran\u00e7oise",
    "Ji\u0159\u00ed Dvo\u0159\u00e1k", "G\u00fcnther Gra\u00df", "\u00d8yvind", "\u00c6thelred",
    "Lady Ann", "Rev. O'Hara", "Father Brown", "Sister Mary Clare", "Capt. Nemo", "Mme. Curie",
    "Herr M\u00fcller", "Frau Sch\u00f6n", "Se\u00f1or Ib\u00e1\u00f1ez", "Jo\u00e3o", "Ngozi",
    "Xi", "Bo", "de la Cruz", "van der Berg", "McDonald", "MacLeod", "St. John",
    "Anne-Marie d'Orl\u00e9ans", "No\u00ebl", "Th\u00e9r\u00e8se", "Andr\u00e9 the baker",
    "Uncle Bob", "Aunt Z\u00f6e", "Nurse O'Dowd", "Doctor Who", "Ms. X", "Be\u00e1ta",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES + MORE_NAMES)
def test_a_name_is_said_as_it_was_written(name: str, known: Known) -> None:
    assert known.ask("what is my name", user_name=name) == f"Your name is {name}."
    told = known.say(f"Remind me at six to call {name}.")
    assert told == f"I will remind you today at six o'clock in the evening: call {name}.".replace(
        "..", "."
    )
    [item] = known.desk.household.agenda.items()
    assert item.name == f"call {name}".rstrip(".")


def test_there_are_sixty_names() -> None:
    assert len(set(NAMES + MORE_NAMES)) == 60


def test_of_200_sets_of_reminders_every_hour_is_told_right(known: Known) -> None:
    dice = random.Random(5)
    agenda = known.desk.household.agenda
    for _ in range(200):
        chosen = dice.sample(REMINDERS, dice.randrange(7))
        split = dice.randint(0, len(chosen))
        day = datetime(2026, dice.randint(1, 12), dice.randint(1, 28), tzinfo=timezone.utc)
        known.now = day
        times = sorted(dice.sample(range(1, 1_440), len(chosen) - split))
        timed = {
            day + timedelta(minutes=minute): each
            for minute, each in zip(times, chosen[split:], strict=True)
        }
        for at, each in timed.items():
            agenda.add(Kind.REMINDER, each, at, known.look(), dice.choice((range(0), range(7))))
        for hour in range(24):
            known.now = day + timedelta(hours=hour)
            if rings := agenda.tick(known.look()):
                agenda.end(rings, How.DONE, known.look())
            told = SKILLS["reminders"]["list"](known.situation(tuple(chosen[:split])))
            things = [each.rstrip(".") for each in chosen[:split]]
            things += [f"{spoken_time(at)}: {e}" for at, e in timed.items() if at > known.now]
            assert getattr(told, "text", None) == expected(things)
        agenda.cancel([item.id for item in agenda.items()])


def expected(things: list[str]) -> str:
    if not things:
        return "There is nothing on your list."
    if len(things) == 1:
        return f"There is one thing on your list: {things[0]}."
    listed = " ".join(f"{each[0].upper()}{each[1:]}." for each in things)
    return f"There are {NUMBERS[len(things)]} things on your list. {listed}"
