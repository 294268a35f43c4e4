"""Days as they are said: relative ones, weekdays, dates, and those on which something repeats."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from assistant.skills.times.durations import durations
from assistant.skills.times.numbers import BELOW_100, ORDINALS, either
from assistant.skills.times.said import DAY_PART, NIGHT_OF, Feast, MonthDay, Said
from assistant.spoken_times import MONTHS, WEEKDAYS

_WEEKDAYS = {name.lower(): n for n, name in enumerate(WEEKDAYS)}
_MONTHS = {name.lower(): n for n, name in enumerate(MONTHS, 1)}
HOLIDAYS = {
    "christmas eve": MonthDay(12, 24), "christmas day": MonthDay(12, 25),
    "christmas": MonthDay(12, 25), "boxing day": MonthDay(12, 26),
    "new year's eve": MonthDay(12, 31), "new year's day": MonthDay(1, 1),
    "new year": MonthDay(1, 1), "valentine's day": MonthDay(2, 14), "halloween": MonthDay(10, 31),
    "good friday": Feast(-2), "easter sunday": Feast(0), "easter": Feast(0),
    "easter monday": Feast(1), "whitsun": Feast(49), "ash wednesday": Feast(-46),
    "shrove tuesday": Feast(-47), "pancake day": Feast(-47), "palm sunday": Feast(-7),
}  # fmt: skip
"""Days with names; those of a year are the next ones."""

_OFFSETS = {"today": 0, "tonight": 0, "tomorrow": 1, "day after tomorrow": 2}
_SETS = {
    "day": range(7), "daily": range(7), "weekday": range(5), "week day": range(5),
    "working day": range(5), "weekend": range(5, 7),
}  # fmt: skip
DAY, MONTH, PART = either(_WEEKDAYS), either(_MONTHS), "(?:morning|afternoon|evening|night)"
_ORDINAL = either(ORDINALS)
_NUMBER = either(name for name, n in BELOW_100.items() if 1 <= n <= 31)
_LIST = rf"{DAY}s?(?:(?: and| to| through)?(?: on| every)? {DAY}s?)*"
_END = r"(?![\w'])"
_YEAR = (
    rf"(?:(?: in)? (?P<year>twenty {either(w for w, n in BELOW_100.items() if n >= 20)}"
    rf"|two thousand(?: and)? {either(BELOW_100)}))?"
)

_SHIFT = re.compile(
    r"(?P<before>\bin (?:about )?|\bafter |(?P<for>\bfor ))?\|(?P<time> time)?(?P<now> from now)?"
)
_REPEATS = re.compile(
    rf"\b(?:(?:on |for )?(?:every|each) (?:single )?(?:week on )?(?P<each>{either(_SETS)}|{_LIST})"
    rf"(?: (?P<part>{PART})s?)?"
    rf"|(?:every|each) (?:single )?(?P<every_part>{PART})"
    rf"|(?:on |at |in the )?(?:(?P<set>daily|(?:weekday|week day|working day|weekend)s)"
    rf"(?: (?P<set_part>{PART})s?)?|(?:from )?(?P<days>{DAY} (?:to|through) {DAY}"
    rf"|{DAY}s(?:(?: and)?(?: on)? {DAY}s)*|{DAY}(?= {PART}s))(?: (?P<days_part>{PART})s?)?"
    rf"|(?:in the |on )?(?P<parts>{PART})s)"
    rf"|(?:on |the )*(?P<kind>weekday|week day) (?P<kind_part>{PART})s)"
    rf"(?:,? (?:except|but)(?: for)?(?: not)?(?: on)? (?P<without>{_LIST}))?{_END}"
)
_RELATIVE = re.compile(
    rf"(?:\b(?:for|by|on) )?(?:\b(?:the )?(?P<offset>{either(_OFFSETS)})(?: (?P<part>{PART}))?"
    rf"|\bthis (?P<this>{PART})){_END}"
)
_WEEKS = re.compile(
    rf"\b(?:in )?(?P<count>an?|{_NUMBER}) weeks?(?: (?:on|from))?"
    rf" (?P<from>{DAY}|today|tomorrow){_END}"
    rf"|\b(?:on )?(?P<day>{DAY}|today|tomorrow) week{_END}"
    rf"|\bnext week(?: on)? (?P<next>{DAY}){_END}|\b(?:on )?(?P<of>{DAY})(?: of)? next week{_END}"
)
_WEEKDAY = re.compile(
    rf"(?:\b(?:on|for|by) (?:the )?|(?<!\bthe )(?<!\ba )(?<!\bblack )(?<!\bgood )\b)"
    rf"(?P<which>(?:this |the )?(?:next|coming) |this )?(?P<day>{DAY})(?: (?P<part>{PART}))?{_END}"
)
_DATES = tuple(
    re.compile(rf"(?:\b(?:on|for|by) )?(?:\bthe (?:day|date) of )?{pattern}{_YEAR}{_END}")
    for pattern in (
        rf"\b(?:the )?(?P<day>{_ORDINAL})(?: day)?(?: of)? (?P<month>{MONTH})",
        rf"\b(?P<month>{MONTH})(?: the)? (?P<day>{_ORDINAL})",
        rf"(?<=\bon )(?P<day>{_NUMBER})(?: of)? (?P<month>{MONTH})",
        rf"(?:(?<=\bon )|(?<=\bfor ))(?P<month>may|march) (?P<day>{_NUMBER})",
        rf"\b(?P<day>{_NUMBER}) (?P<month>(?!may|march){MONTH})",
        rf"\b(?P<month>(?!may|march){MONTH}) (?P<day>{_NUMBER})",
    )
)
_DAY_OF_MONTH = re.compile(
    rf"\b(?:on|for|by) the (?P<day>{_ORDINAL})(?: of (?:the|this) month)?"
    rf"(?=$| (?:\||to|at|in the|please|this|around|about|half|quarter)(?![\w']))"
)
_WITH_WEEKDAY = re.compile(rf"(?<=[|{DAY_PART}] )the (?P<day>{_ORDINAL})(?! (?:of|day)\b){_END}")
_PART = re.compile(
    rf"\b(?:(?:in|during) the (?:early |late )?(?P<part>{PART})|at (?P<night>night))(?! time){_END}"
)


def days(text: str, said: Said, *, bare: bool) -> str:
    """Take the days and their parts out of a text, and leave marks.

    Args:
        text: normalised words.
        said: what they say is added there.
        bare: whether a holiday's name or "the third" alone is a day, as in an answer to "When?".
    """
    if bare:
        text = re.sub(rf"^(?=(?:the )?(?:{_ORDINAL}|{either(HOLIDAYS)})(?![\w']))", "on ", text)
    text = _shifts(text, said)
    holidays = rf"\b(?:on|at|by|for) (?P<day>{either(HOLIDAYS)}){_END}"
    rules: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Said], str]], ...] = (
        (_REPEATS, _repeat),
        (_WEEKS, _weeks),
        *((pattern, _date) for pattern in _DATES),
        (re.compile(holidays), _holiday),
        (_RELATIVE, _relative),
        (_WEEKDAY, _weekday),
        (_PART, _part),
        (_DAY_OF_MONTH, _date),
        (_WITH_WEEKDAY, _date),
    )
    for pattern, read in rules:
        text = pattern.sub(lambda found, read=read: read(found, said), text)
    return text


def _shifts(text: str, said: Said) -> str:
    """Take out "in half an hour"; other lengths of time stay."""
    for start, end, length in reversed(list(durations(text))):
        marked = f"{text[:start]}|{text[end:]}"
        found = next((m for m in _SHIFT.finditer(marked) if m.start() <= start < m.end()), None)
        if found is None or not (found["now"] or (found["before"] and not found["for"])):
            continue
        is_elapsed = re.search(r"\b(?:h(?:ou)?r|min|sec)", text[start:end])
        if is_elapsed or length % timedelta(days=1):
            said.put(shift=length)
        else:
            said.put(offset=length // timedelta(days=1))
        text = f"{marked[: found.start()]}|{marked[found.end() :]}"
    return text


def _repeat(found: re.Match[str], said: Said) -> str:
    groups = ("part", "set_part", "days_part", "kind_part", "every_part", "parts")
    part = next(filter(None, map(found.__getitem__, groups)), None)
    named = found["each"] or found["set"] or found["days"] or found["kind"] or "day"
    kept = _SETS.get(named) or _SETS.get(named.removesuffix("s")) or _listed(named)
    left = frozenset(kept) - frozenset(_listed(found["without"] or ""))
    said.put(days=left, part=_night_of(part))
    said.contradictory |= not left
    return DAY_PART if part else "|"


def _listed(words: str) -> set[int]:
    """The weekdays in a list or a span, such as "monday to friday"."""
    found: list[int] = []
    span = False
    for word in words.split():
        day = _WEEKDAYS.get(word.removesuffix("s"))
        if day is None:
            span = word in ("to", "through")
            continue
        if span and found:
            first = found[-1]
            found.extend((first + n) % 7 for n in range(1, (day - first) % 7))
        found.append(day)
        span = False
    return set(found)


def _relative(found: re.Match[str], said: Said) -> str:
    offset = found["offset"]
    part = NIGHT_OF if offset == "tonight" else _night_of(found["part"] or found["this"])
    said.put(offset=_OFFSETS.get(offset or "today"), part=part)
    return DAY_PART if part else "|"


def _weeks(found: re.Match[str], said: Said) -> str:
    if day := found["next"] or found["of"]:
        said.put(weekday=_WEEKDAYS[day], next_week=True)
        return "|"
    day, count = found["from"] or found["day"], found["count"] or "one"
    said.put(week=BELOW_100.get(count, 1), weekday=_WEEKDAYS.get(day), offset=_OFFSETS.get(day))
    return "|"


def _weekday(found: re.Match[str], said: Said) -> str:
    said.put(weekday=_WEEKDAYS[found["day"]], part=_night_of(found["part"]))
    if found["which"] and "coming" not in found["which"]:
        said.sure = False  # whether "next friday" is this week's, people do not agree
    return DAY_PART if found["part"] else "|"


def _date(found: re.Match[str], said: Said) -> str:
    groups = found.groupdict()
    day, month, year = groups["day"], groups.get("month"), groups.get("year")
    number = ORDINALS.get(day) or BELOW_100[day]
    said.put(date=MonthDay(_MONTHS[month] if month else None, number, _year(year)))
    return "|"


def _holiday(found: re.Match[str], said: Said) -> str:
    said.put(date=HOLIDAYS[found["day"]])
    return "|"


def _part(found: re.Match[str], said: Said) -> str:
    said.put(part=found["part"] or found["night"])
    return DAY_PART


def _night_of(part: str | None) -> str | None:
    return NIGHT_OF if part == "night" else part


def _year(words: str | None) -> int | None:
    if words is None:
        return None
    for start in ("two thousand and ", "two thousand ", "twenty "):
        if words.startswith(start):
            return 2000 + BELOW_100[words.removeprefix(start)]
    return None
