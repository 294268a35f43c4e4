"""Requests as people say them: ``requests.tsv`` has what each is and what the answer contains."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from assistant.household.agenda import Kind
from assistant.household.lists import SHOPPING, TO_DO
from tests.skills.conftest import Known

LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("requests.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def furnish(known: Known) -> None:
    """A household with something of everything."""
    desk, moment = known.desk, known.look()
    desk.user_name, desk.reminders = "Anna", ("take the blue pill",)
    desk.exchanged("good evening", "Good evening, Anna.")
    house = desk.household
    house.agenda.start_timer(timedelta(minutes=10), "pasta", moment)
    house.agenda.start_timer(timedelta(minutes=4), "egg", moment)
    tomorrow = (moment.now + timedelta(days=1)).replace(hour=7, minute=0)
    house.agenda.add(Kind.ALARM, "", tomorrow, moment)
    tonight = moment.now.replace(hour=18, minute=0)
    house.agenda.add(Kind.REMINDER, "water the plants", tonight, moment)
    house.lists.add(SHOPPING, ["milk", "bread", "eggs"], moment.now)
    house.lists.add(TO_DO, ["pay the rent"], moment.now)
    for subject, text in (
        ("glasses", "your glasses are in the kitchen drawer"),
        ("Peter", "Peter is your son"),
        ("address", "your address is 12 Mill Lane"),
        ("doctor", "your doctor is Doctor Brown"),
    ):
        house.notes.write(subject, text, moment.now)


def is_right(known: Known, words: str, meant: str, told: str) -> str | None:
    """What is wrong about the answer, if anything."""
    found = known.desk.recognised(words)
    if found is None:
        return "the language model"
    request, said = found
    if request.name not in meant.split(" | "):
        return f"{request.name}: {said.text}"
    text = f"{said.text} {said.question or ''}".lower()
    is_told = all(
        any(each in text for each in part.split(" | ")) for part in told.lower().split(" & ")
    )
    return None if is_told else f"{request.name}: {said.text}"


def test_requests_are_understood_as_people_say_them(known: Known) -> None:
    furnish(known)
    missed = [
        f"{words}: {wrong}"
        for words, meant, told in LINES
        if (wrong := is_right(known, words, meant, told)) is not None
    ]
    assert len(missed) <= 0.05 * len(LINES), "\n".join(missed)
