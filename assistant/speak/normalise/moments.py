"""Times and dates as they are said, in the words that the skills use, too."""

from __future__ import annotations

import re
from datetime import datetime

from assistant.speak.normalise.numbers import DASH, Accent, Rule, cardinal, stop_of, year
from assistant.spoken_times import MONTHS, WEEKDAYS, spoken_ordinal, spoken_time

_MONTH_NUMBERS = {name.lower(): n for n, name in enumerate(MONTHS, start=1)} | {
    name[:3].lower(): n for n, name in enumerate(MONTHS, start=1)
} | {"sept": 9}  # fmt: skip
_MONTH = (
    rf"(?P<month>(?:{'|'.join(MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?))"
)
_WEEKDAYS = "Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun"
_WEEKDAY = rf"(?P<weekday>(?:{_WEEKDAYS})\b\.?,?\s)"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?P<year>1[1-9]\d\d|20\d\d)"
_HALF = r"(?P<half>[apAP])\.?\s?[mM]\b\.?"
_CLOCK = r"(?P<hour>[01]?\d|2[0-4])[:.h](?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?"
_SAID_PART = r",?\s+(?:in the (?:morning|afternoon|evening)|at (?:night|noon)|o'clock|tonight\b)"
_PART = re.compile(r" (?:in the \w+|at night)$")


def clock(hour: int, minute: int, half: str | None) -> str:
    """A time as ``spoken_time`` says it, without the part of the day if that is not known.

    Args:
        hour: 0 to 24, or 1 to 12 with a half of the day.
        minute: 0 to 59.
        half: "a" or "p".
    """
    if half is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    is_sure = half is not None or hour in (0, 24) or hour > 12 or (hour, minute) == (12, 0)
    said = spoken_time(datetime(2000, 1, 1, hour % 24, minute))  # noqa: DTZ001 - a time of any day
    return said if is_sure else _PART.sub("", said)


def _time(found: re.Match[str], accent: Accent) -> str:
    del accent
    half = found["half"].lower() if found["half"] else None
    said = clock(int(found["hour"]), int(found["minute"] or 0), half)
    rest = found.string[found.end() :]
    if re.match(_SAID_PART, rest):
        said = _PART.sub("", said)
    if re.match(r"\s+o'clock", rest):
        said = said.removesuffix(" o'clock")
    return said + stop_of(found)


def _times(found: re.Match[str], accent: Accent) -> str:
    del accent
    halves = [half and half.lower() for half in (found["half1"], found["half2"])]
    first = clock(int(found["hour1"]), int(found["minute1"] or 0), halves[0] or halves[1])
    last = clock(int(found["hour2"]), int(found["minute2"] or 0), halves[1])
    part = _PART.search(last)
    if part is not None and first.endswith(part[0]) and halves[0] is None:
        first = first.removesuffix(part[0])
    if halves[0] is None:
        first = _PART.sub("", first)
        last_bare = last[: part.start()] if part else last
        if first.endswith(" o'clock") and last_bare.endswith(" o'clock"):
            first = first.removesuffix(" o'clock")
    return f"{first} to {last}{stop_of(found)}"


def _day(day: int, month: int, accent: Accent, *, day_first: bool) -> str:
    if day_first:
        return f"the {spoken_ordinal(day)} of {MONTHS[month - 1]}"
    the = "the " if accent == "british" else ""
    return f"{MONTHS[month - 1]} {the}{spoken_ordinal(day)}"


def _written_out(found: re.Match[str], accent: Accent) -> str:
    """Dates such as "May 3, 2024" and "3 May 2024"."""
    month, day = _MONTH_NUMBERS[found["month"].lower().rstrip(".")], int(found["day"])
    day_first = found.start("day") < found.start("month")
    before = f"{_weekday(found['weekday'])}, " if found["weekday"] else ""
    said = _day(day, month, accent, day_first=day_first)
    the = found.groupdict().get("the")
    if day_first and the:
        said = said.removeprefix("the ")
        before = f"{before}{the}"
    return f"{before}{said}{_in_year(found['year'], accent)}"


def _weekday(short: str) -> str:
    return next(name for name in WEEKDAYS if name.startswith(short[:3]))


def _in_year(digits: str | None, accent: Accent) -> str:
    return f", {year(digits, accent)}" if digits else ""


def _in_figures(found: re.Match[str], accent: Accent) -> str:
    """Dates such as "2024-05-03", and "05/03/2024", whose order the accent tells."""
    digits = found["year"]
    first, second = int(found["first"]), int(found["second"])
    if found.start("year") == found.start():
        month, day = first, second
    else:
        month, day = (second, first) if accent == "british" else (first, second)
        if month > 12:
            month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    if len(digits) == 2:
        digits = f"20{digits}"
    said = _day(day, month, accent, day_first=accent == "british")
    hour, minute = found.groupdict().get("hour"), found.groupdict().get("minute")
    at = f", at {clock(int(hour), int(minute), 'x')}" if hour and minute else ""
    return f"{said}{_in_year(digits, accent)}{at}"


def _days(found: re.Match[str], accent: Accent) -> str:
    """Days such as "May 3-5"."""
    month = _MONTH_NUMBERS[found["month"].lower().rstrip(".")]
    first = _day(int(found["day"]), month, accent, day_first=False)
    return f"{first} to {'the ' if accent == 'british' else ''}{spoken_ordinal(int(found['last']))}"


def _abbreviated(found: re.Match[str], accent: Accent) -> str:
    del accent
    return MONTHS[_MONTH_NUMBERS[found["month"].lower().rstrip(".")] - 1]


def _era(found: re.Match[str], accent: Accent) -> str:
    digits, era = found[1], " ".join(found[2].replace(".", ""))
    said = year(digits, accent) if len(digits) == 4 else cardinal(digits, accent)
    return f"{said} {era}{stop_of(found)}"


def _clock_of(n: int) -> str:
    return (
        rf"(?P<hour{n}>[01]?\d|2[0-4])(?:[:.](?P<minute{n}>[0-5]\d))?"
        rf"\s?(?:(?P<half{n}>[apAP])\.?\s?[mM]\b\.?)?"
    )


WEEKDAY_RULES: tuple[Rule, ...] = (
    (
        re.compile(rf"\b({_WEEKDAYS})\.?\s?{DASH}\s?({_WEEKDAYS})\b"),
        lambda found, _: f"{_weekday(found[1])} to {_weekday(found[2])}",
    ),
)

RULES: tuple[Rule, ...] = (
    (
        re.compile(
            rf"(?<![\w-]){_YEAR}-(?P<first>\d\d)-(?P<second>\d\d)"
            r"(?:(?:T|,? (?:at )?)(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::\d\d)?Z?)?"
            r"(?![\w-])"
        ),
        _in_figures,
    ),
    (
        re.compile(
            r"(?<![\w/.])(?P<first>\d{1,2})(?P<by>[/.-])(?P<second>\d{1,2})(?P=by)"
            r"(?P<year>(?:19|20)?\d\d)(?![\w/])"
        ),
        _in_figures,
    ),
    (
        re.compile(rf"\b{_MONTH}\s{_DAY}\s?{DASH}\s?(?P<last>[12]?\d|3[01])(?![\w,]?\d)"),
        _days,
    ),
    (
        re.compile(
            rf"(?:\b{_WEEKDAY})?\b{_MONTH}\s{_DAY}(?:st|nd|rd|th)?(?:,?\s{_YEAR})?(?![\d:])(?!,\d)"
        ),
        _written_out,
    ),
    (
        re.compile(
            rf"(?:\b{_WEEKDAY})?(?P<the>[Tt]he )?(?<![\d.,:/$])\b{_DAY}(?:st|nd|rd|th)?\s(?:of\s)?"
            rf"{_MONTH}(?:,?\s{_YEAR})?(?!\w)"
        ),
        _written_out,
    ),
    (re.compile(rf"\b{_MONTH}(?=\s\d{{4}}\b)"), _abbreviated),
    (re.compile(r"\b(\d{1,4}) (BCE?|AD|CE|B\.C\.(?:E\.)?|A\.D\.|C\.E\.)(?!\w)"), _era),
    (  # "9:00-17:00", "2-3 pm": one of both has to look like a time
        re.compile(
            rf"(?<![\w:./$-]){_clock_of(1)}\s?(?:{DASH}|to|until)\s?{_clock_of(2)}(?![\w:/])"
            r"(?:(?<=[mM])|(?<=[mM]\.)|(?<=:\d\d))"
        ),
        _times,
    ),
    (re.compile(rf"(?<![\w:./$-]){_CLOCK}\s?{_HALF}"), _time),
    (
        re.compile(rf"(?<![\w:./$-])(?P<hour>1[0-2]|0?[1-9])(?P<minute>(?!))?\s?{_HALF}"),
        _time,
    ),
    (
        re.compile(
            r"(?<![\w:./$-])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)"
            r"(?::[0-5]\d(?:\.\d+)?)?(?P<half>(?!))?(?:\s?(?:h|hrs|hours)\b)?(?![\w:])"
        ),
        _time,
    ),
)
