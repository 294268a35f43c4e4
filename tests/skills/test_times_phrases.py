"""What people say, with what it means; the last part of ``times.tsv`` is lengths of time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assistant.skills.times import When, duration, find, find_duration, moment
from assistant.spoken import said_words

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=ZoneInfo("Europe/London"))
LINES = [
    [*line.split("\t"), "", ""][:3]
    for line in Path(__file__).with_name("times.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
IS_LENGTH = re.compile(r"\d+:\d\d:\d\d")
FIRST_LENGTH = next(n for n, line in enumerate(LINES) if IS_LENGTH.fullmatch(line[1]))


def written(when: When) -> str:
    """As the second column has it."""
    parts = [f"{when.at:%Y-%m-%d %H:%M}"]
    if not when.certain:
        parts.append("?")
    if not when.has_time:
        parts.append("day")
    return " ".join([*parts, *(["".join(map(str, sorted(when.days)))] if when.days else [])])


@pytest.mark.parametrize(("words", "meant", "rest"), LINES[:FIRST_LENGTH])
def test_a_moment_in_a_phrase(words: str, meant: str, rest: str) -> None:
    found = find(said_words(words), NOW)
    if meant == "-":
        assert found is None
        return
    assert found is not None
    assert (written(found[0]), found[1]) == (meant, rest)
    assert moment(said_words(words), NOW) == (None if rest else found[0])
    assert moment(said_words(f"well {words} please"), NOW) == (None if rest else found[0])


@pytest.mark.parametrize(("words", "meant", "rest"), LINES[FIRST_LENGTH:])
def test_a_length_of_time_in_a_phrase(words: str, meant: str, rest: str) -> None:
    found = find_duration(said_words(words))
    if meant == "-":
        assert found is None
        return
    hours, minutes, seconds = map(int, meant.split(":"))
    length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert found == (length, rest)
    assert duration(said_words(words)) == (None if rest else length)


def test_a_time_alone_answers_when() -> None:
    for words, hour in (("seven", 19), ("half eight", 20), ("eight thirty", 20), ("ok eleven", 11)):
        when = moment(words, NOW)
        assert when is not None
        assert (when.at.hour, when.certain) == (hour, False)
    assert moment("christmas", NOW) == moment("on the twenty fifth of december", NOW)
    for words in ("seven eight", "seven pills", "twenty five", "no", "", "please", "at"):
        assert moment(words, NOW) is None
