"""Moments as they are said: "tomorrow at half past seven", "every morning at eight"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo

from dateutil.easter import easter

from assistant.skills.times.clocks import clocks
from assistant.skills.times.days import days
from assistant.skills.times.said import MARK, NIGHT_OF, Clock, Feast, MonthDay, Said
from assistant.skills.times.unclear import says_more
from assistant.skills.times.words import heard, without


@dataclass(frozen=True, slots=True)
class When:
    """The next moment that is meant, and the days on which it repeats."""

    at: datetime  # aware, local, after the moment of asking
    has_time: bool  # False if only a day was named; then it is nine o'clock, or what is left of it
    days: frozenset[int] = frozenset()  # weekdays from Monday, 0, to 6; none if it is once
    certain: bool = True  # False if a part was guessed, such as morning or evening


_PARTS = {  # from and to, in minutes; what stands for it without a time, in hours
    "morning": (60, 720, (9, 10, 11)),
    "afternoon": (720, 1_200, (15, 16, 17)),
    "evening": (960, 1_440, (19, 20, 21)),
    "night": (1_080, 1_800, (22, 23)),
    NIGHT_OF: (1_020, 1_680, (20, 21, 22, 23)),
}


def moment(words: str, now: datetime) -> When | None:
    """The moment that a whole phrase names, if it names nothing else."""
    found = _find(heard(without(words)), now, None, bare=True)
    return None if found is None or found[1] else found[0]


def find(words: str, now: datetime, *, default_part: str | None = None) -> tuple[When, str] | None:
    """The only moment that is named in some words, and the words around it.

    Args:
        words: as ``said_words`` gives them.
        now: aware, local; durations and days are counted from it.
        default_part: "morning", "afternoon", "evening" or "night", if it is likelier.
    """
    return _find(heard(words), now, default_part, bare=False)


def _find(
    text: str, now: datetime, default_part: str | None, *, bare: bool
) -> tuple[When, str] | None:
    said = Said()
    text = clocks(days(text, said, bare=bare), said, bare=bare)
    if said.contradictory or says_more(text, repeats=bool(said.days)):
        return None
    text = re.sub(MARK, " ", text)
    when = _resolve(said, now, default_part)
    return None if when is None else (when, " ".join(text.split()))


def _resolve(said: Said, now: datetime, default_part: str | None) -> When | None:
    if said.shift is not None:
        rest = (said.clock, said.part, said.offset, said.weekday, said.date, said.days)
        if any(each is not None for each in rest):
            return None
        at = (now.astimezone(timezone.utc) + said.shift).astimezone(now.tzinfo)
        return When(at, has_time=True, days=frozenset(), certain=said.sure)
    named = said.offset is not None or said.weekday is not None or said.date is not None
    if named and said.days is not None:
        return None
    likely, possible = _minutes(said, default_part, named=named or said.days is not None)
    if not likely:
        return None
    at = _next(said, now, likely, possible, named=named)
    if at is None:
        return None
    has_time = said.clock is not None or said.part is not None
    repeats = said.days or frozenset()
    if repeats and likely[0] >= 1_440:
        repeats = frozenset((day + 1) % 7 for day in repeats)
    return When(at, has_time, repeats, certain=said.sure and _certain(said, at, now))


def _certain(said: Said, at: datetime, now: datetime) -> bool:
    clock = said.clock
    if clock is None:
        return said.part is None
    if not clock.sure or (clock.twelve and said.part is None):
        return False
    # Which night "tomorrow at one at night" is, people do not agree.
    is_named = said.offset is not None or said.weekday is not None or said.date is not None
    is_named = is_named or (said.days is not None and len(said.days) < 7)
    return at.hour >= 4 or said.part == NIGHT_OF or not is_named or at.date() == now.date()


def _next(
    said: Said, now: datetime, likely: list[int], possible: list[int], *, named: bool
) -> datetime | None:
    zone, today = now.tzinfo, now.date()
    if zone is None:
        raise ValueError("a moment is counted from one with a time zone")
    moments: Iterator[datetime]
    if named:
        order = [*likely, *possible]
        if said.offset == 0 and said.part == NIGHT_OF:
            order = [*(m - 1_440 for m in likely if m >= 1_440), *order]
        if said.clock is None and said.part is None:
            order.append(-1)  # the end of today
        moments = (wall(day, minute, zone) for day in _named_days(said, today) for minute in order)
    elif said.days is not None:
        return next_on(said.days, likely[0], now)
    else:
        ahead = (today + timedelta(days=n) for n in range(-1, 3))
        moments = iter(sorted(wall(d, m, zone) for d in ahead for m in likely))
    return next((at for at in moments if _utc(at) > _utc(now)), None)


def _named_days(said: Said, today: date) -> Iterator[date]:
    if said.date is not None:
        found = _dates(said.date, today)
    elif said.offset is not None:
        found = iter([today + timedelta(days=said.offset + 7 * (said.week or 0))])
    else:
        weekday = said.weekday or 0
        ahead = (weekday - today.weekday() - 1) % 7 + 1 + 7 * (said.week or 0)
        if said.next_week:
            ahead = 7 - today.weekday() + weekday
        found = iter([today + timedelta(days=ahead)])
    for day in found:
        # "Tuesday, the first" is no other first if that one is a Wednesday.
        if said.weekday not in (None, day.weekday()):
            if isinstance(said.date, MonthDay) and said.date.month is None:
                continue  # "Friday, the first" may be in any month
            return
        if said.offset is not None and (day - today).days != said.offset + 7 * (said.week or 0):
            return
        yield day


def _dates(said: MonthDay | Feast, today: date) -> Iterator[date]:
    """The days that it may mean, from today on."""
    if isinstance(said, Feast):
        for year in (today.year, today.year + 1):
            day = easter(year) + timedelta(days=said.after_easter)
            if day >= today:
                yield day
        return
    years = range(today.year, today.year + 9) if said.year is None else (said.year,)
    for year in years:
        for month in range(1, 13) if said.month is None else (said.month,):
            try:
                day = date(year, month, said.day)
            except ValueError:
                continue
            if day >= today:
                yield day


def _minutes(said: Said, default_part: str | None, *, named: bool) -> tuple[list[int], list[int]]:
    """Minutes after the day's midnight that are likely, and those that are possible, in order."""
    clock, part = said.clock, said.part
    if clock is None:
        hours = _PARTS[part][2] if part else (9,)
        # "in the morning" means the next one, "this morning" what is left of it.
        return [hour * 60 for hour in (hours if named else hours[:1])], []
    if clock == Clock(0) and named and part in (None, "night", NIGHT_OF):
        return [1_440], []  # the midnight of a day ends it
    candidates = [clock.minute, clock.minute + 720] if clock.twelve else [clock.minute]
    if part is not None:
        return _within(part, candidates), []
    preferred = _within(default_part, candidates) if default_part else []
    preferred = preferred or [m for m in candidates if not clock.twelve or 420 <= m < 1_320]
    likely = preferred or candidates
    return likely, [m for m in candidates if m not in likely]


def _within(part: str, candidates: list[int]) -> list[int]:
    """The minutes that lie in a part of day, which a night has before and after midnight."""
    first, last, _ = _PARTS[part]
    if part == "night":
        return [m for m in candidates if m < 360 or m >= first][:1]
    found = [each for m in candidates for each in (m, m + 1_440) if first <= each < last]
    return found[:1]


def next_on(days: frozenset[int], minute: int, now: datetime) -> datetime:
    """The next moment after now when clocks show that minute of such a day.

    Args:
        days: weekdays from Monday, 0, to 6; at least one.
        minute: after midnight.
        now: aware, local.

    Raises:
        ValueError: if there is no day, or now has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("a moment is counted from one with a time zone")
    for ahead in range(-1, 9):
        day = now.date() + timedelta(days=ahead)
        at = wall(day, minute, now.tzinfo)
        if day.weekday() in days and _utc(at) > _utc(now):
            return at
    raise ValueError("nothing repeats on no day")


def wall(day: date, minute: int, zone: tzinfo) -> datetime:
    """The moment when clocks show that minute of a day, or next after a change of summer time.

    A time that clocks skip is moved forward, and of one that they show twice it is the first.
    -1 is the last moment of the day.
    """
    if minute < 0:
        return datetime.combine(day, time.max, zone)
    day += timedelta(days=minute // 1_440)
    at = datetime.combine(day, time(minute % 1_440 // 60, minute % 60), zone)
    return at.astimezone(timezone.utc).astimezone(zone)


def _utc(at: datetime) -> datetime:
    """For comparing: two moments of one zone are compared by what clocks show."""
    return at.astimezone(timezone.utc)
