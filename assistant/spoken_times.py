"""Times, dates and small numbers in words, as people say them.

In one way everywhere: in what the language model is told, in what the skills answer, and in what
the voice makes of digits.
"""

from __future__ import annotations

from datetime import date, datetime

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh "
    "twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December",
)  # fmt: skip


def spoken_number(number: int) -> str:
    """A whole number from 0 to 99 in words."""
    if not 0 <= number <= 99:
        raise ValueError(f"only 0 to 99 can be spoken, not {number}")
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")


def spoken_ordinal(number: int) -> str:
    """The ordinal of a whole number from 1 to 31 in words."""
    if not 1 <= number <= 31:
        raise ValueError(f"only 1 to 31 can be spoken, not {number}")
    if number < 20:
        return _ORDINALS[number]
    tens, ones = divmod(number, 10)
    if not ones:
        return _TENS[tens].removesuffix("y") + "ieth"
    return f"{_TENS[tens]}-{_ORDINALS[ones]}"


def part_of_day(now: datetime) -> str:
    """One of "morning", "afternoon", "evening" and "night"."""
    if 4 <= now.hour < 12:
        return "morning"
    if 12 <= now.hour < 18:
        return "afternoon"
    if 18 <= now.hour < 22:
        return "evening"
    return "night"


def spoken_time(now: datetime) -> str:
    """The time to the minute, as people say it: "five past two in the afternoon"."""
    if now.minute == 0 and now.hour in (0, 12):
        return "noon" if now.hour else "midnight"
    part = part_of_day(now)
    when = "at night" if part == "night" else f"in the {part}"
    past = now.minute <= 30
    minutes = now.minute if past else 60 - now.minute
    hour = _ONES[(now.hour + (not past) - 1) % 12 + 1]
    if minutes == 0:
        return f"{hour} o'clock {when}"
    if minutes == 15:
        amount = "quarter"
    elif minutes == 30:
        amount = "half"
    elif minutes % 5 == 0:
        amount = spoken_number(minutes)
    else:
        amount = spoken_number(minutes) + (" minute" if minutes == 1 else " minutes")
    return f"{amount} {'past' if past else 'to'} {hour} {when}"


def spoken_date(day: date) -> str:
    """The weekday, day and month: "Saturday, the twenty-first of November"."""
    ordinal = spoken_ordinal(day.day)
    return f"{WEEKDAYS[day.weekday()]}, the {ordinal} of {MONTHS[day.month - 1]}"


def spoken_year(year: int) -> str:
    """A year from 1100 to 2999 as people say it: "twenty twenty-six"."""
    if not 1100 <= year <= 2999:
        raise ValueError(f"only years 1100 to 2999 can be spoken, not {year}")
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return "two thousand" + (f" and {_ONES[rest]}" if rest else "")
    if rest == 0:
        return f"{spoken_number(century)} hundred"
    if rest < 10:
        return f"{spoken_number(century)} oh {_ONES[rest]}"
    return f"{spoken_number(century)} {spoken_number(rest)}"
