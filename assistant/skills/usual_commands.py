"""What people usually say to the skills: sentences, and values for the slots in them.

Whoever says another one is understood by the grammar, if the recogniser wrote it right; these are
what unclear speech is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from io import StringIO

from hassil.intents import Intents

from assistant.skills.commands import Commands, commands
from assistant.spoken import said_words
from assistant.spoken_times import WEEKDAYS, spoken_number, spoken_time

MINUTES = (*range(1, 13), 15, 18, 20, 25, 30, 35, 40, 45, 50, 60, 90)
HOURS = (*range(1, 13), 24, 48)
SECONDS = (10, 15, 20, 30, 45, 60, 90)

_EVERY = timedelta(minutes=5)


def durations() -> list[str]:
    """Such as "ten minutes", "an hour and a half"."""
    found = ["half an hour", "a quarter of an hour", "three quarters of an hour", "an hour"]
    found += ["an hour and a half", "two and a half hours", "a minute", "a couple of minutes"]
    for amounts, unit in ((MINUTES, "minute"), (HOURS, "hour"), (SECONDS, "second")):
        found += [f"{spoken_number(each)} {unit}{'s' * (each != 1)}" for each in amounts]
    return list(map(said_words, found))


def times() -> list[str]:
    """Such as "half past seven", and whole hours with their part of the day."""
    found: dict[str, None] = {}
    moment = datetime(2026, 1, 1)  # noqa: DTZ001 - only its clock is read
    for at in range(12 * 60 // 5):
        said = spoken_time(moment + at * _EVERY)
        found[said.partition(" in the ")[0].partition(" at night")[0]] = None
    for hour in range(24):
        said = spoken_time(moment.replace(hour=hour))
        found[said] = None
        found[said.replace(" o'clock", "")] = None
    return list(map(said_words, found))


def days() -> list[str]:
    """The days of the week, today and tomorrow, and the next ones of a name."""
    named = [f"{before}{day}" for day in WEEKDAYS for before in ("", "next ")]
    return list(map(said_words, ["today", "tonight", "tomorrow", *named]))


def numbers() -> list[str]:
    """Small whole numbers, and the round ones below a hundred."""
    return list(map(said_words, map(spoken_number, (*range(31), *range(35, 100, 5)))))


def usual_commands(
    templates: Iterable[Intents],
    household: Mapping[str, Sequence[str]],
    language: str = "en",
) -> Commands:
    """The commands of templates, and those of ``sentences/`` with usual values in their slots.

    Args:
        templates: of the requests that the grammar knows.
        household: more values for the slots of ``sentences/en.commands.yaml``, by their names.
        language: as in ``encode.language``.
    """
    file = files("assistant.skills").joinpath(f"sentences/{language}.commands.yaml")
    usual = Intents.from_yaml(StringIO(file.read_text("utf-8")))
    spoken = {"duration": durations(), "clock": times(), "day": days(), "number": numbers()}
    values = {
        name: [*household.get(name, ()), *spoken.get(name, ())] for name in {**household, **spoken}
    }
    return commands([*templates, usual], values)
