"""A moment in words that mean the same moment when they are heard."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from assistant.skills.times.durations import spoken_duration
from assistant.skills.times.moments import When
from assistant.spoken_times import WEEKDAYS, spoken_date, spoken_time, spoken_year


def spoken_when(when: When, now: datetime) -> str:
    """The moment to the minute: "tomorrow at ten o'clock in the morning".

    Less than two minutes ahead it is told to the second: "in ten seconds".
    """
    ahead = when.at.astimezone(timezone.utc) - now.astimezone(timezone.utc)
    if ahead < timedelta(minutes=2) and when.has_time and not when.days:
        return f"in {spoken_duration(max(ahead, timedelta(seconds=1)))}"
    at = when.at
    told = f" at {spoken_time(at)}" if when.has_time else ""
    # Midnight belongs to the evening before, as people say it.
    midnight = when.has_time and at.hour == at.minute == 0
    night = " night" if midnight else ""
    if when.days:
        return f"{_days(when.days, night=midnight)}{told}"
    day, today = at.date() - timedelta(days=midnight), now.date()
    if day == today and midnight:
        return f"tonight{told}"
    if day == today:
        return f"today{told}"
    if day == today + timedelta(days=1):
        return f"{'tonight' if _is_tonight(when, now) else f'tomorrow{night}'}{told}"
    named = spoken_date(day).replace(",", f"{night},", 1)
    if _a_year_ahead(day, today):
        named = f"{named} {spoken_year(day.year)}"
    return f"on {named},{told}" if told else f"on {named}"


def _is_tonight(when: When, now: datetime) -> bool:
    return when.has_time and 0 < when.at.hour * 60 + when.at.minute < 240 and now.hour >= 4


def _days(days: frozenset[int], *, night: bool) -> str:
    if night:
        days = frozenset((day - 1) % 7 for day in days)
    if len(days) == 7:
        return "every night" if night else "every day"
    if days == frozenset(range(5)):
        return "every weekday night" if night else "on weekdays"
    if len(days) == 6:
        (left,) = frozenset(range(7)) - days
        return f"every {'night' if night else 'day'} except {WEEKDAYS[left]}"
    *first, last = (WEEKDAYS[day] for day in sorted(days))
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"every {listed}{' night' if night else ''}"


def _a_year_ahead(day: date, today: date) -> bool:
    return (day.year, day.month, day.day) >= (today.year + 1, today.month, today.day)
