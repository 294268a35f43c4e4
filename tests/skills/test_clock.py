from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import pytest

from assistant.skills.clock import CLOCK
from assistant.skills.grammar import grammar
from assistant.spoken import said_words
from tests.skills.conftest import Known, told

NUMBERS: Sequence[str] = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
TIME = ("what time is it", "Can you tell me the time, please?", "um what's the time now")
DATE = ("what's the date today", "Which date is it?", "i have forgotten today's date")
DAY = ("what day is it", "Which day of the week is it today?", "is it monday today")


def minutes(words: list[str]) -> int:
    """A number below sixty in words."""
    named = {"quarter": 15, "half": 30}
    tens = {"twenty": 20, "thirty": 30}
    return sum(named.get(w) or tens.get(w) or NUMBERS.index(w) for w in words if w != "minute")


def minute_of_day(told: str) -> int:
    """The minute that a told time means, found without the code that tells it."""
    words = said_words(told).removeprefix("it is ").replace("-", " ").split()
    if words in (["noon"], ["midnight"]):
        return 720 if words == ["noon"] else 0
    at = words.index("at") if "at" in words else words.index("in")
    clock, part = words[:at], words[-1]
    for joint, sign in (("past", 1), ("to", -1)):
        if joint in clock:
            where = clock.index(joint)
            amount = [w for w in clock[:where] if w != "minutes"]
            hour = NUMBERS.index(clock[where + 1])
            minute = hour % 12 * 60 + sign * minutes(amount)
            break
    else:
        minute = NUMBERS.index(clock[0]) % 12 * 60
    candidates = [minute % 720, minute % 720 + 720]
    spans = {
        "morning": range(4 * 60, 12 * 60),
        "afternoon": range(12 * 60, 18 * 60),
        "evening": range(18 * 60, 22 * 60),
    }
    (found,) = (
        [each for each in candidates if each in spans[part]]
        if part in spans
        else [each for each in candidates if not 4 * 60 <= each < 22 * 60]
    )
    return found


def teller(words: str, request: str, known: Known) -> Callable[[datetime], str]:
    """What answers these words, so that they are looked up only once."""
    found = grammar("requests").request(words)
    assert found is not None
    assert found.name == f"clock.{request}"
    return lambda now: told(CLOCK[request](known.at(now)))


@pytest.mark.parametrize("words", TIME)
def test_every_minute_of_the_day_is_told_rightly(words: str, known: Known) -> None:
    midnight, tell = datetime(2026, 3, 29, tzinfo=timezone.utc), teller(words, "time", known)
    for minute in range(1_440):
        assert minute_of_day(tell(midnight + timedelta(minutes=minute))) == minute


@pytest.mark.parametrize("words", DATE)
def test_dates_are_told_rightly(words: str, known: Known) -> None:
    dice, tell = random.Random(0), teller(words, "date", known)
    for _ in range(400):
        day = datetime(2000, 1, 1, tzinfo=timezone.utc) + timedelta(days=dice.randrange(36_000))
        told = tell(day)
        assert day.strftime("%A") in told
        assert f"of {day.strftime('%B')}" in told
        ordinal = said_words(str(day.day) + "th")
        assert f" the {ordinal} of" in told.replace("-", " ")
        assert said_words(told).endswith(said_words(f"in {day.year}").removeprefix("in "))


@pytest.mark.parametrize("words", DAY)
def test_days_are_told_rightly(words: str, known: Known) -> None:
    first, tell = datetime(2026, 1, 1, 12, tzinfo=timezone.utc), teller(words, "weekday", known)
    for number in range(400):
        day = first + timedelta(days=number)
        assert tell(day) == f"Today is {day.strftime('%A')}."


def test_the_days_beside_and_the_year(known: Known) -> None:
    def ask(words: str, now: datetime) -> str | None:
        known.now = now
        return known.ask(words)

    new_year = datetime(2026, 12, 31, 23, 59, tzinfo=timezone.utc)
    assert ask("what day is it tomorrow", new_year) == "Tomorrow is Friday, the first of January."
    assert ask("was it tuesday yesterday", new_year) == (
        "Yesterday was Wednesday, the thirtieth of December."
    )
    assert ask("what year is it", new_year) == "It is the year twenty twenty-six."
    assert ask("is it june", new_year) == "It is December."
    assert ask("what's the day and the time", new_year) == (
        "It is one minute to twelve at night. Today is Thursday, the thirty-first of December."
    )
