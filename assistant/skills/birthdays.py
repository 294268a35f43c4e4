"""When birthdays are, by the household's notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from assistant.household.notes import Notes, plain
from assistant.skills.times import When, number, ordinal
from assistant.spoken import said_words

_MONTHS: Sequence[str] = (
    "january february march april may june july august september october november december".split()
)
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b")


def next_birthday(what: str, notes: Notes, now: datetime) -> When | None:
    """The next time of "my birthday" or "Peter's birthday", if a note has its day and month."""
    for note in notes.about(what):
        found = _day_and_month(said_words(note.text))
        if found is not None:
            return _next(*found, now)
    return None


def is_birthday(what: str) -> bool:
    """Whether a birthday is spoken of."""
    return plain(what).split()[-1:] == ["birthday"]


def _next(day: int, month: int, now: datetime) -> When | None:
    """The next such day; who was born on the 29th of February celebrates a day later."""
    for year in (now.year, now.year + 1):
        try:
            at = now.replace(year=year, month=month, day=day, hour=0, minute=0)
        except ValueError:
            if (day, month) != (29, 2):
                return None
            at = now.replace(year=year, month=3, day=1, hour=0, minute=0)
        if at.date() >= now.date():
            return When(at.replace(second=0, microsecond=0), has_time=False)
    return None


def _day_and_month(text: str) -> tuple[int, int] | None:
    """In "the third of may nineteen forty one" or "may the third"."""
    for month in _MONTH.finditer(text):
        before = text[: month.start()].removesuffix("of ").split()
        after = text[month.end() :].strip().removeprefix("the ").split()
        spans: Sequence[list[str]] = (before[-2:], before[-1:], after[:2], after[:1])
        for words in filter(None, spans):
            said = " ".join(words)
            value = ordinal(said) or number(said)
            if value is not None and 1 <= value <= 31:
                return int(value), _MONTHS.index(month[1]) + 1
    return None
