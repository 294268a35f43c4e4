"""Durations as they are said: "an hour and a half", "ninety seconds", "two weeks"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

from assistant.skills.times.numbers import (
    AMOUNT,
    BELOW_100,
    FRACTION,
    WHOLE,
    either,
    exact,
    spoken_whole,
)
from assistant.skills.times.words import heard, without

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_NAMES = (
    {f"{name}{end}": size for name, size in _SECONDS.items() for end in ("", "s", "'s")}
    | {"fortnight": 1_209_600, "fortnights": 1_209_600, "fortnight's": 1_209_600}
    | {"sec": 1, "secs": 1, "min": 60, "mins": 60, "hr": 3_600, "hrs": 3_600}
)
UNIT = either(_NAMES)
_TERM = re.compile(
    rf"(?:(?P<amount>an?|(?:a )?couple(?: of)?|{AMOUNT})(?: (?P<of>of an?|an?|of))?(?: more)?) "
    rf"(?P<unit>{UNIT})(?![\w'])(?<!\ba second)"  # "a second alarm"
    rf"(?: and (?P<extra>{FRACTION})(?! (?:of|an?|{UNIT})\b))?"
)
_TRAILING = re.compile(rf" (?:and )?(?P<amount>{WHOLE})(?! (?:{UNIT}|point)(?![\w']))")
_LONGEST = 3_660 * 86_400
_JOINT = re.compile(r" (?:and )?")
_AMBIGUOUS = re.compile(
    rf"(?:\b(?:{either(BELOW_100)}|hundred|thousand|half|quarter|point|per|every|each)"
    rf"(?: (?:or|to|and))?|\b(?:few|several|many|or|than)|\bnot(?: for)?) \|"
    rf"|\| (?:past|ago|later|earlier|before)\b"
    rf"|\| (?:and |or |to |of )*(?:an? )?(?:{UNIT}|half|quarter)\b"
    rf"|\| (?:(?:and|or|to|no|not|i|mean|sorry|rather|wait) )*(?:{either(BELOW_100)}|hundred)\b"
)


def duration(words: str) -> timedelta | None:
    """The duration that a whole phrase names, if it names nothing else."""
    found = find_duration(words)
    return None if found is None or without(found[1]) else found[0]


def find_duration(words: str) -> tuple[timedelta, str] | None:
    """The only duration in some words, and the words around it, if it is certain."""
    text = heard(words)
    found = list(durations(text))
    if len(found) != 1:
        return None
    (start, end, length), *_ = found
    if _AMBIGUOUS.search(f"{text[:start]}|{text[end:]}"):
        return None
    before = re.sub(r"(?: ?\b(?:for|of|in|about|around|lasting))+ $", " ", text[:start])
    after = re.sub(r"^ (?:from now|starting now)\b", "", text[end:])
    return length, " ".join(f"{before}{after}".split())


def durations(text: str) -> Iterator[tuple[int, int, timedelta]]:
    """Every duration in normalised words, from left to right: first character, end, length."""
    at = 0
    while found := _TERM.search(text, at):
        start = found.start()
        if start and text[start - 1] != " ":
            at = start + 1
            continue
        read = _read(text, found)
        if read is None:
            at = found.end()
            continue
        at = read[0]
        yield start, *read


def _read(text: str, first: re.Match[str]) -> tuple[int, timedelta] | None:
    total, smallest, end = Fraction(0), 2 * _LONGEST, first.start()
    term: re.Match[str] | None = first
    while term and (size := _NAMES[term["unit"]]) < smallest:
        value = _term(term)
        if value is None:
            return None
        total, smallest, end = total + value * size, size, term.end()
        joint = _JOINT.match(text, end)
        term = _TERM.match(text, joint.end()) if joint and not term["extra"] else None
    trailing = _TRAILING.match(text, end)
    if term is None and trailing and smallest in (60, 3_600):
        minutes = exact(trailing["amount"])
        # "one hour two eggs" is no hour and two minutes
        if (
            minutes is not None
            and 0 < minutes < 60
            and (minutes >= 10 or trailing.end() == len(text))
        ):
            total, end = total + minutes * smallest / 60, trailing.end()
    if total.denominator != 1 or not 0 < total <= _LONGEST:
        return None
    return end, timedelta(seconds=int(total))


def _term(term: re.Match[str]) -> Fraction | None:
    amount, of = term["amount"], term["of"]
    if amount in ("a", "an"):
        value = None if of else Fraction(1)
    elif "couple" in amount:
        value = None if of else Fraction(2)
    else:
        value = exact(amount)
        if of and (value is None or value >= 1):  # "half an hour", never "ten an hour"
            return None
    extra = exact(term["extra"]) if term["extra"] else Fraction(0)
    if value is None or extra is None or extra >= 1:
        return None
    return value + extra


def spoken_duration(length: timedelta) -> str:
    """A duration in whole seconds: "one hour and thirty minutes"."""
    rest = max(0, round(length.total_seconds()))
    parts: list[str] = []
    for name in ("day", "hour", "minute", "second") if rest % _SECONDS["week"] else ("week",):
        count, rest = divmod(rest, _SECONDS[name])
        if count:
            parts.append(f"{spoken_whole(count)} {name}{'s' if count > 1 else ''}")
    if not parts:
        return "zero seconds"
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if parts[1:] else parts[0]
