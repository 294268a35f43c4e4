"""Time, day and date, in the words of ``spoken_time``."""

from __future__ import annotations

from datetime import timedelta

from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import moment
from assistant.spoken_times import MONTHS, WEEKDAYS, spoken_date, spoken_time, spoken_year


def _time(known: Situation) -> str:
    return f"It is {spoken_time(known.now)}."


def _date(known: Situation) -> str:
    return f"Today is {spoken_date(known.now)}, {spoken_year(known.now.year)}."


def _tomorrow(known: Situation) -> Said:
    text = f"Tomorrow is {spoken_date(known.now + timedelta(days=1))}."
    return Said(text, completes=("what day is {} tomorrow", _DAY))  # "and the day after?"


def _on(known: Situation) -> Said | None:
    """Which day that is: "in ten days", "Christmas"."""
    what = known.slots["what"]
    when = moment(what, known.now) or moment(f"in {what}", known.now)
    if when is None or when.days:
        return None
    year = "" if when.at.year == known.now.year else f", {spoken_year(when.at.year)}"
    return Said(f"That is {spoken_date(when.at)}{year}.", completes=_DAY)


_DAY, _WHERE = "what day is {}", "what time is it {}"
"""What may be said after an answer: another day, another place."""


CLOCK: Requests = {
    "time": lambda known: Said(_time(known), completes=_WHERE),
    "date": lambda known: Said(_date(known), completes="what date is {}"),
    "date_and_time": lambda known: f"{_time(known)} Today is {spoken_date(known.now)}.",
    "weekday": lambda known: Said(f"Today is {WEEKDAYS[known.now.weekday()]}.", completes=_DAY),
    "month": lambda known: f"It is {MONTHS[known.now.month - 1]}.",
    "on": _on,
    "elsewhere": lambda known: Said(
        f"I know the time only where I am. {_time(known)}", completes=_WHERE
    ),
    "year": lambda known: f"It is the year {spoken_year(known.now.year)}.",
    "tomorrow": _tomorrow,
    "yesterday": lambda known: Said(
        f"Yesterday was {spoken_date(known.now - timedelta(days=1))}.", completes=_DAY
    ),
}
