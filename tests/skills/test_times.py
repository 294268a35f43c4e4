from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from assistant.skills.times import (
    When,
    duration,
    find,
    find_duration,
    moment,
    next_on,
    number,
    ordinal,
    spoken_duration,
    spoken_when,
)
from assistant.spoken import said_words
from assistant.spoken_times import spoken_date, spoken_ordinal, spoken_time, spoken_year

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=LONDON)  # a Wednesday
ZONES: tuple[tzinfo, ...] = (
    LONDON,
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),
    timezone.utc,
    timezone(timedelta(hours=5, minutes=45)),
)


def some_moment(dice: random.Random) -> datetime:
    seconds = dice.randrange(10 * 366 * 86_400)
    started = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    return started.astimezone(dice.choice(ZONES))


def understood(words: str, now: datetime = NOW) -> When:
    when = moment(said_words(words), now)
    assert when is not None, words
    return when


@pytest.mark.parametrize("before", ["", "at ", "um at "])
def test_every_minute_of_the_day_is_understood(before: str) -> None:
    dice = random.Random(0)
    for minute in range(1_440):
        now = NOW.replace(hour=dice.randrange(24), minute=dice.randrange(60))
        meant = NOW.replace(hour=minute // 60, minute=minute % 60)
        when = understood(before + spoken_time(meant), now)
        assert when.at == meant + timedelta(days=meant <= now), spoken_time(meant)
        assert (when.has_time, when.certain, when.days) == (True, True, frozenset())


def test_every_minute_of_a_named_day_is_understood() -> None:
    for minute in range(1, 1_440):
        meant = datetime(2026, 12, 1, minute // 60, minute % 60, tzinfo=LONDON)
        assert understood(f"on tuesday at {spoken_time(meant)}").at == meant
        assert understood(f"{spoken_time(meant)} on the first of december").at == meant


@pytest.mark.parametrize("form", ["{}", "on {}, at noon", "at noon on {}", "remind me on {}: x"])
def test_dates_are_understood(form: str) -> None:
    dice = random.Random(1)
    for _ in range(400):
        now = some_moment(dice)
        day = now.date() + timedelta(days=dice.randrange(1, 365))
        words = said_words(form.format(spoken_date(day)))
        found = find(words, now) if "remind" in form else (moment(words, now), "")
        assert found is not None, words
        when, rest = found
        assert when is not None, words
        assert when.at.date() == day, words
        assert when.has_time == ("noon" in form)
        assert rest == ("remind me x" if "remind" in form else "")


def test_dates_of_other_years_are_understood() -> None:
    dice = random.Random(2)
    for _ in range(400):
        day = NOW.date() + timedelta(days=dice.randrange(1, 7_000))
        words = f"{spoken_date(day)} {spoken_year(day.year)}"
        assert understood(words).at.date() == day, words


def test_a_weekday_that_is_not_that_date_is_not_understood() -> None:
    assert moment("on wednesday the first of december at noon", NOW) is None


@pytest.mark.parametrize("step", [60, 1])
def test_durations_are_understood(step: int) -> None:
    for count in range(1, 2 * 1_440 + 1 if step == 60 else 181):
        length = timedelta(seconds=count * step)
        words = said_words(spoken_duration(length))
        assert duration(words) == length, words
        assert find_duration(f"a pizza timer for {words} please") == (
            length,
            "a pizza timer please",
        )
        assert understood(f"in {words}").at == (
            NOW + length if length % timedelta(days=1) else (NOW + length).replace(hour=9)
        )


def test_long_durations_are_understood() -> None:
    dice = random.Random(3)
    for _ in range(400):
        length = timedelta(seconds=dice.randrange(1, 300 * 86_400))
        assert duration(said_words(spoken_duration(length))) == length
    assert spoken_duration(timedelta(minutes=90)) == "one hour and thirty minutes"
    assert spoken_duration(timedelta(seconds=3_661)) == "one hour, one minute and one second"
    assert spoken_duration(timedelta(days=14)) == "two weeks"


def test_moments_are_spoken_so_that_they_are_understood() -> None:
    dice = random.Random(4)
    for _ in range(1_500):
        now = some_moment(dice)
        ahead = timedelta(minutes=int(2 + 10 ** (dice.random() * 6)))
        at = (now.astimezone(timezone.utc) + ahead).astimezone(now.tzinfo)
        if at.astimezone(timezone.utc).astimezone(now.tzinfo).fold:
            continue  # the second of two like times cannot be said
        when = When(at, has_time=True, days=frozenset(), certain=True)
        told = spoken_when(when, now)
        again = understood(told, now)
        assert again.at == at.replace(second=0, microsecond=0), (told, now, at)
        assert again.has_time
        assert again.days == frozenset()


def test_days_are_spoken_so_that_they_are_understood() -> None:
    dice = random.Random(5)
    for _ in range(1_000):
        now = some_moment(dice)
        day = now.date() + timedelta(days=dice.randrange(1, 1_500))
        at = datetime(day.year, day.month, day.day, 9, tzinfo=now.tzinfo)
        when = When(at, has_time=False, days=frozenset(), certain=True)
        assert understood(spoken_when(when, now), now) == when


def test_repetitions_are_spoken_so_that_they_are_understood() -> None:
    dice = random.Random(6)
    for _ in range(1_500):
        now = some_moment(dice)
        days = frozenset(n for n in range(7) if dice.random() < 0.5) or frozenset(range(7))
        minute = dice.choice((0, dice.randrange(1_440)))
        day = next(
            day for n in range(1, 9) if (day := now.date() + timedelta(days=n)).weekday() in days
        )
        at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=now.tzinfo)
        told = spoken_when(When(at, has_time=True, days=days, certain=True), now)
        again = understood(told, now)
        assert again.days == days, told
        if at.astimezone(timezone.utc).astimezone(now.tzinfo) == at:  # clocks show that time
            assert (again.at.hour, again.at.minute) == (at.hour, at.minute), told
        assert again.at.astimezone(timezone.utc) > now.astimezone(timezone.utc)
        assert again.at.weekday() in days


def test_a_moment_is_always_ahead() -> None:
    dice = random.Random(7)
    phrases = ("at seven", "at noon", "tonight", "today", "in the evening", "every day at six",
               "on the third", "on monday", "every monday at nine", "at midnight")  # fmt: skip
    for _ in range(2_000):
        now, words = some_moment(dice), dice.choice(phrases)
        when = moment(words, now)
        if when is None:
            assert words in ("tonight", "today"), (words, now)
            continue
        assert when.at.astimezone(timezone.utc) > now.astimezone(timezone.utc), (words, now)
        assert when.at.tzinfo is now.tzinfo


def test_numbers_are_understood() -> None:
    for n in (*range(2_200), 10_000, 123_456, 1_000_001, 999_999_999):
        said = said_words(f"{n:,}")
        assert number(said) == n, said
    for n in range(1, 32):
        assert ordinal(said_words(spoken_ordinal(n))) == n
        assert number(said_words(spoken_ordinal(n))) is None
    assert number("two and a half") == 2.5
    assert number("three quarters") == 0.75
    assert number("minus four point two five") == -4.25
    for words in ("", "ten fifteen", "one two three", "hundred and", "a", "ten a", "third", "and"):
        assert number(words) is None, words


SPRING, AUTUMN = datetime(2027, 3, 27, 12, tzinfo=LONDON), datetime(2027, 10, 30, 12, tzinfo=LONDON)


def test_changes_of_summer_time() -> None:
    skipped = understood("tomorrow at half past one at night", SPRING).at
    assert skipped.isoformat() == "2027-03-28T02:30:00+01:00"
    twice = understood("tomorrow at half past one at night", AUTUMN).at
    assert twice.isoformat() == "2027-10-31T01:30:00+01:00"
    assert understood("tomorrow at ten", SPRING).at.isoformat() == "2027-03-28T10:00:00+01:00"
    elapsed = understood("in twenty four hours", SPRING).at
    assert elapsed.isoformat() == "2027-03-28T13:00:00+01:00"
    assert understood("in one day at noon", SPRING).at.isoformat() == "2027-03-28T12:00:00+01:00"
    second = datetime(2027, 10, 31, 1, 45, fold=1, tzinfo=LONDON)
    assert understood("in half an hour", second).at.isoformat() == "2027-10-31T02:15:00+00:00"
    first = second.replace(fold=0)
    assert understood("in half an hour", first).at.isoformat() == "2027-10-31T01:15:00+00:00"


def test_a_likelier_part_of_day_may_be_given() -> None:
    found = find("wake me at six", NOW, default_part="morning")
    assert found is not None
    assert found[0].at == datetime(2026, 11, 26, 6, tzinfo=LONDON)
    assert not found[0].certain
    found = find("wake me at six", NOW)
    assert found is not None
    assert found[0].at == datetime(2026, 11, 25, 18, tzinfo=LONDON)


def test_a_moment_within_two_minutes_is_told_in_seconds() -> None:
    when = understood("in ninety seconds")
    assert spoken_when(when, NOW) == "in one minute and thirty seconds"


def test_two_times_are_never_one() -> None:
    dice = random.Random(8)
    for _ in range(1_000):
        one, other = (dice.randrange(1_440) for _ in range(2))
        if one % 720 == other % 720:
            continue
        first, second = (
            said_words(spoken_time(NOW.replace(hour=each // 60, minute=each % 60)))
            for each in (one, other)
        )
        bare = re.sub(r" (?:in the \w+|at night)$", "", second)
        joint = dice.choice(("and", "or", "and at", "or at", "to", "no", "no at", "until", ""))
        for words in (f"at {first} {joint} {second}", f"wake me at {first} {joint} {bare}"):
            assert find(words, NOW) is None, words
            assert moment(words, NOW) is None, words


def test_two_lengths_are_never_one() -> None:
    dice = random.Random(9)
    for _ in range(1_000):
        one, other = (timedelta(minutes=dice.randrange(1, 600)) for _ in range(2))
        joint = dice.choice(("or", "to", "no", "until", "or for", "and then", "plus"))
        first, second = (said_words(spoken_duration(each)) for each in (one, other))
        assert find_duration(f"timer for {first} {joint} {second}") is None
        assert find(f"wake me in {first} or {second}", NOW) is None
        assert find(f"wake me in {first} or in {second} and a half", NOW) is None


WORDS: Sequence[str] = (
    "at in on for to the a an and or of every each next this half quarter past to from until one "
    "two ten twelve twenty thirty hundred point oh o'clock am pm noon midnight morning evening "
    "night tonight today tomorrow monday friday weekdays mondays daily minutes hours days weeks "
    "time first second third december may except but not take pill remind me um please zero couple"
).split()


def test_any_words_are_a_moment_ahead_or_none() -> None:
    dice = random.Random(10)
    for _ in range(5_000):
        now = some_moment(dice)
        words = " ".join(dice.choices(WORDS, k=dice.randrange(1, 12)))
        found, length = find(words, now), find_duration(words)
        if found is not None:
            when, rest = found
            assert when.at.astimezone(timezone.utc) > now.astimezone(timezone.utc), words
            # Nothing is left that was said of the time, and nothing comes in.
            assert not Counter(rest.split()) - Counter(words.split())
            assert not re.search(r"\b(?:o'clock|noon|midnight|tonight)\b", rest), words
        assert length is None or length[0] > timedelta(0)


def test_a_repetition_goes_on_by_the_clock() -> None:
    at, days, met = SPRING.replace(day=24), frozenset((0, 2, 5, 6)), list[str]()
    for _ in range(6):
        at = next_on(days, 9 * 60 + 30, at)
        met.append(at.isoformat())
    assert met == [
        "2027-03-27T09:30:00+00:00",
        "2027-03-28T09:30:00+01:00",
        "2027-03-29T09:30:00+01:00",
        "2027-03-31T09:30:00+01:00",
        "2027-04-03T09:30:00+01:00",
        "2027-04-04T09:30:00+01:00",
    ]
    with pytest.raises(ValueError, match="no day"):
        next_on(frozenset(), 0, SPRING)
