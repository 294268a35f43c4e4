"""What was said of a moment, before it is known which moment it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

NIGHT_OF = "night of"
"""The part of day in "tomorrow night": it lasts until four in the morning after."""
TIME, DAY_PART = "#", "~"
"""The marks that stand in a text for a time and a part of day; ``|`` stands for anything else."""
MARK = rf"[|{TIME}{DAY_PART}]"
_ALIKE = ({NIGHT_OF, "night"}, {NIGHT_OF, "evening"})  # "tonight at one at night"


@dataclass(frozen=True, slots=True)
class Clock:
    """A time on the clock, in minutes after midnight."""

    minute: int
    twelve: bool = False  # whether it may as well be twelve hours later
    sure: bool = True


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of a month, of the next one or the next year if they were not said."""

    month: int | None
    day: int
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Feast:
    """A day that moves with Easter."""

    after_easter: int  # days


@dataclass(slots=True)
class Said:
    """Each part of it, none of which may be said twice in different ways."""

    clock: Clock | None = None
    part: str | None = None  # of the day
    offset: int | None = None  # days after today
    weekday: int | None = None
    week: int | None = None  # full weeks after that day
    next_week: bool | None = None
    date: MonthDay | Feast | None = None
    days: frozenset[int] | None = None  # weekdays on which it repeats
    shift: timedelta | None = None  # elapsed time
    sure: bool = True
    contradictory: bool = field(default=False)

    def put(self, **parts: object) -> None:
        """Add what was said; nothing that is None."""
        for name, told in parts.items():
            value = told
            before = getattr(self, name)
            if name == "part" and {before, value} in _ALIKE:
                value = NIGHT_OF if "night" in (before, value) else "evening"
                before = None
            if value is None or before == value:
                continue
            self.contradictory |= before is not None
            setattr(self, name, value)
