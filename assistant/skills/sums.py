"""Small sums, percentages, conversions and days until: computed exactly, told in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from math import isqrt
from typing import TypeAlias

from assistant.skills.plainly import plainly
from assistant.skills.skill import Requests, Said, Situation
from assistant.skills.times import When, moment, spoken_duration, spoken_when
from assistant.skills.times.numbers import exact, spoken_exact, spoken_whole
from assistant.skills.times.words import heard, without
from assistant.skills.units import converted
from assistant.spoken import said_words

_ASKING = re.compile(
    r"^(?:(?:can|could|would|will) you )?"
    r"(?:(?:tell me|do you know|know|work out|calculate|compute|and|i (?:need|want) to know) )*"
    r"(?P<what>(?:what(?: is| are|'s|s| does| do| would)?|how much(?: is| are| does| do)) )?"
    r"(?:the (?:sum|answer) (?:of|to) (?=.* (?:plus|minus|times|divided) ))?"
)
_DONE = re.compile(r"(?: (?:make|makes|equals?|is|in total|altogether|together|come to|for me))?$")
_SOUND_ALIKE = {"to": "two", "too": "two", "for": "four", "won": "one", "ate": "eight"}
_OPERATIONS: dict[str, tuple[str, Callable[[Fraction, Fraction], Fraction]]] = {
    "plus": ("plus", lambda a, b: a + b),
    "minus": ("minus", lambda a, b: a - b),
    "take away": ("minus", lambda a, b: a - b),
    "times": ("times", lambda a, b: a * b),
    "x": ("times", lambda a, b: a * b),
    "multiplied by": ("times", lambda a, b: a * b),
    "divided by": ("divided by", lambda a, b: a / b),
}
_SPLIT = re.compile(rf" ({'|'.join(_OPERATIONS)}) ")
_ORDERS = (  # "subtract three from ten"
    (re.compile(r"add (?P<a>.+) (?:and|to) (?P<b>.+)"), "plus"),
    (re.compile(r"the sum of (?P<a>.+) and (?P<b>.+)"), "plus"),
    (re.compile(r"(?:subtract|take(?: away)?) (?P<b>.+?)(?: away)? from (?P<a>.+)"), "minus"),
    (re.compile(r"multiply (?P<a>.+) (?:by|with|and) (?P<b>.+)"), "times"),
    (re.compile(r"divide (?P<a>.+) by (?P<b>.+)"), "divided by"),
)
_PERCENT = re.compile(r"(?P<a>.+) per ?cent (?P<how>off|of)(?: of)? (?P<b>.+)")
_PERCENT_ADDED = re.compile(r"(?P<b>.+) (?P<how>plus|minus) (?P<a>.+) per ?cent")
_WHICH_PERCENT = re.compile(
    r"(?:what )?per ?cent(?:age)? (?:of (?P<b>.+) is (?P<a>.+)|is (?P<c>.+) of (?P<d>.+))"
)
_DIVISIBLE = re.compile(r"(?:if )?(?:is )?(?P<a>.+?) (?:is )?divisible by (?P<b>.+)")
_PART = re.compile(
    r"(?P<part>(?:a |one |two |three |four )?(?:half|quarters?|thirds?|fifths?|eighths?|tenths?))"
    r"(?P<of> of)? (?P<a>.+)"
)
_MANIFOLD = re.compile(r"(?P<how>double|twice|two times) (?P<a>.+)")
_SQUARE = re.compile(r"(?P<a>.+) squared")
_ROOT = re.compile(r"the square root of (?P<a>.+)")
_PHRASINGS = (
    (
        re.compile(
            r"^(?:(?:tell me|help me|i need to know|know|understand) )*(?:to )?"
            r"(?:how (?:do|can|would|could|are|to) )?(?:(?:i|you|we) )?"
            r"(?:go about )?(?:(?:what is|what's|what would be|understand) )?"
            r"(?:the )?(?:convert(?:ing)?|change|conversion (?:between|for|from|of)|get from)"
            r" (?P<from>[a-z]+) (?:converted )?(?:to|into|in|and) (?P<to>[a-z]+)$"
        ),
        r"convert one \g<from> to \g<to>",
    ),
    (
        re.compile(r"^(?:give me|i need|show me) ([a-z]+) (?:to|into|in) ([a-z]+)$"),
        r"convert one \1 to \2",
    ),
    (re.compile(r"^(?:what (?:would|are|will)|what's) (.+) be in (.+)$"), r"what is \1 in \2"),
    (re.compile(r"^(?:i need to know|tell me|know) (how many .+)$"), r"\1"),
    (re.compile(r"^tell me what (.+) in (\w+) is$"), r"what is \1 in \2"),
    (
        re.compile(
            r"^how (?:do|can|would|could|to) (?:(?:i|you|we) )?(?:convert|change|turn) (.+)$"
        ),
        r"convert \1",
    ),
    (re.compile(r"^if i have (.+) how many (\w+) is (?:that|it)$"), r"how many \2 in \1"),
    (re.compile(r"^(.+) is equal to how many (\w+)$"), r"how many \2 in \1"),
    (
        re.compile(
            r"^(?:what is |tell me )?the (?:correct |total )?(?:amount|number) of (.+ in .+)$"
        ),
        r"how many \1",
    ),
    (re.compile(r"^(how many \w+) (?:make up in|are in|are equivalent to|make up) "), r"\1 in "),
    (re.compile(r"^(?:what do you get|what happens) if you (divide|multiply|add|take) "), r"\1 "),
    (re.compile(r"\bdivided buy\b"), "divided by"),
    (re.compile(r"^add up "), "add "),
    (re.compile(r"^what is an? (.+ percent) tip on "), r"what is \1 of "),
    (re.compile(r"^how many times (?:does|can|will) (.+) go into (.+)$"), r"\2 divided by \1"),
)
_MONEY = re.compile(r" (pounds|dollars|euros)$")
_UNTIL = re.compile(
    r"^(?:(?:can|could) you )?(?:tell me )?how (?P<unit>many days|many sleeps|many weeks|long)"
    r"(?: is it| are there| is there| do (?:i|we) have| it is| there are| are| is)?"
    r"(?: now| left| to go| still| away)?(?: until| till?| to| before) (?P<what>.+)$"
)

_Sum: TypeAlias = tuple[str, Fraction]
"""What was asked, in full words, and the result."""


def answer(words: str, now: datetime | None = None) -> str | None:
    """The answer to a sum, a conversion or "how long until", if it is certainly one.

    Args:
        words: as ``said_words`` gives them.
        now: aware, local; without it nothing is counted until a day.
    """
    text = _unasked(heard(without(plainly(words))))
    if now is not None and (found := _UNTIL.search(text)):
        return _until(found["what"], found["unit"], now)
    asking = _ASKING.match(text)
    asked = _DONE.sub("", text[asking.end() :] if asking else text)
    told = (
        converted(text)
        or _root(asked)
        or _share(asked)
        or _divisible(asked)
        or _told(asked, is_asked=bool(asking and asking["what"]))
    )
    return None if told is None else f"{told[:1].upper()}{told[1:]}."


def _unasked(text: str) -> str:
    """A question about units or numbers in the form that is computed."""
    for pattern, plain in _PHRASINGS:
        text = pattern.sub(plain, text)
    return text


def _until(what: str, unit: str, now: datetime) -> str | None:
    when = moment(what, now)
    return None if when is None or when.days else ahead(when, unit, now)


def ahead(when: When, unit: str, now: datetime) -> str:
    """How far away a moment is, in days, "many weeks", or as exactly as a time is ("long")."""
    days = (when.at.date() - now.date()).days
    if when.has_time and unit == "long":
        ahead = when.at.astimezone(timezone.utc) - now.astimezone(timezone.utc)
        minutes = max(1, round(ahead / timedelta(minutes=1)))
        return (
            f"That is in {spoken_duration(timedelta(minutes=minutes))}, {spoken_when(when, now)}."
        )
    if days < 2:
        return "That is tomorrow." if days else "That is today."
    count = f"{spoken_exact(Fraction(days))} days"
    if unit == "many weeks" and days >= 7:
        weeks, rest = divmod(days, 7)
        count = spoken_duration(timedelta(weeks=weeks))
        count += f" and {spoken_duration(timedelta(days=rest))}" if rest else ""
    return f"That is in {count}, {spoken_when(when, now)}."


def _number(words: str) -> Fraction | None:
    return exact(_SOUND_ALIKE.get(words, words))


def _numbers(found: re.Match[str], *names: str) -> list[Fraction] | None:
    values = [_number(found[name] or "") for name in names]
    return [value for value in values if value is not None] if None not in values else None


def _told(text: str, *, is_asked: bool) -> str | None:
    """The sum and its result, without a full stop."""
    money = _MONEY.search(text)
    try:
        found = _sum(text[: money.start()] if money else text, is_asked=is_asked)
    except ZeroDivisionError:
        return "nothing can be divided by zero"
    if found is None or abs(found[1]) >= 10**9:
        return None
    said, result = found
    if money:
        return f"{said} {money[1]} is {_money(result, money[1])}"
    return f"{said} is {spoken_exact(result)}"


def _sum(text: str, *, is_asked: bool) -> _Sum | None:
    for pattern, operation in _ORDERS:
        found = pattern.fullmatch(text)
        if found and (numbers := _numbers(found, "a", "b")):
            return _chain(numbers, [operation])
    if told := _percent(text) or _part(text, is_asked=is_asked):
        return told
    first, *rest = _SPLIT.split(text)
    if not rest and is_asked and " and " in text and exact(text) is None:
        first, _, second = text.partition(" and ")
        rest = ["plus", second]
    terms = [_number(each) for each in (first, *rest[1::2])]
    numbers = [each for each in terms if each is not None]
    return _chain(numbers, rest[::2]) if rest and len(numbers) == len(terms) else None


def _chain(numbers: list[Fraction], operations: list[str]) -> _Sum | None:
    """Terms from left to right; which is first in "two plus three times four" is not certain."""
    named = [_OPERATIONS[each] for each in operations]
    if len({name in ("plus", "minus") for name, _ in named}) > 1:
        return None
    total, said = numbers[0], spoken_exact(numbers[0])
    for (name, operation), value in zip(named, numbers[1:], strict=True):
        total, said = operation(total, value), f"{said} {name} {spoken_exact(value)}"
    return said, total


def _percent(text: str) -> _Sum | None:
    found = _PERCENT.fullmatch(text) or _PERCENT_ADDED.fullmatch(text)
    if found is None or not (numbers := _numbers(found, "a", "b")):
        return None
    rate, base = numbers
    said, of = f"{spoken_exact(rate)} percent", spoken_exact(base)
    if found["how"] == "of":
        return f"{said} of {of}", base * rate / 100
    if found["how"] == "off":
        return f"{said} off {of}", base * (100 - rate) / 100
    sign = 1 if found["how"] == "plus" else -1
    return f"{of} {found['how']} {said}", base * (100 + sign * rate) / 100


def _share(text: str) -> str | None:
    found = _WHICH_PERCENT.fullmatch(text)
    numbers = _numbers(found, *(("a", "b") if found["a"] else ("c", "d"))) if found else None
    if not numbers or not numbers[1]:
        return None
    part, whole = map(spoken_exact, numbers)
    return f"{part} is {spoken_exact(numbers[0] * 100 / numbers[1])} percent of {whole}"


def _divisible(text: str) -> str | None:
    found = _DIVISIBLE.fullmatch(text)
    numbers = _numbers(found, "a", "b") if found else None
    if not numbers or not numbers[1]:
        return None
    first, second = map(spoken_exact, numbers)
    is_so = (numbers[0] / numbers[1]).denominator == 1
    return f"{'yes' if is_so else 'no'}, {first} is {'' if is_so else 'not '}divisible by {second}"


def _part(text: str, *, is_asked: bool) -> _Sum | None:
    # "half eight" is a time, and "double five" may be a telephone number
    found = _PART.fullmatch(text)
    if found and (found["of"] or is_asked) and (numbers := _numbers(found, "part", "a")):
        return f"{found['part']} of {spoken_exact(numbers[1])}", numbers[0] * numbers[1]
    found = _MANIFOLD.fullmatch(text) if is_asked else None
    if found and (numbers := _numbers(found, "a")):
        return f"{found['how']} {spoken_exact(numbers[0])}", 2 * numbers[0]
    if (found := _SQUARE.fullmatch(text)) and (numbers := _numbers(found, "a")):
        return f"{spoken_exact(numbers[0])} squared", numbers[0] ** 2
    if (found := _ROOT.fullmatch(text)) and (numbers := _numbers(found, "a")):
        root = isqrt(max(0, int(numbers[0])))
        said = f"the square root of {spoken_exact(numbers[0])}"
        return (said, Fraction(root)) if root**2 == numbers[0] else None
    return None


def _root(text: str) -> str | None:
    """Between which whole numbers a square root lies that is none itself."""
    found = _ROOT.fullmatch(text)
    value = _number(found["a"]) if found else None
    if value is None or value < 0 or value >= 10**9 or isqrt(int(value)) ** 2 == value:
        return None
    low = isqrt(int(value))
    between = f"{spoken_whole(low)} and {spoken_whole(low + 1)}"
    return f"the square root of {spoken_exact(value)} is between {between}"


def _money(amount: Fraction, currency: str) -> str:
    """In pounds and pence: "four pounds fifty", "about ninety-nine cents"."""
    if amount < 0:
        return f"minus {_money(-amount, currency)}"
    hundredths = round(amount * 100)
    whole, small = divmod(hundredths, 100)
    said = f"{spoken_whole(whole)} {currency.removesuffix('s') if whole == 1 else currency}"
    if small and not whole:
        coin = "pence" if currency == "pounds" else "cents"
        said = (
            f"{spoken_whole(small)} {coin if small > 1 else {'pence': 'penny'}.get(coin, 'cent')}"
        )
    elif small:
        said += f" {spoken_whole(small)}"
    return said if hundredths == amount * 100 else f"about {said}"


def _value(known: Situation) -> Said | None:
    """The answer, and how it may go on: "divided by two", "and two pounds", "and until Easter"."""
    words = said_words(known.words)
    told = answer(words, known.now)
    if told is None:
        return None
    if _UNTIL.search(_unasked(words)):
        return Said(told, completes="how many days until {}")
    if share := _OF.search(words):
        return Said(told, completes=f"what is {{}} of {share['whole']}")
    if measure := _HOW_MANY.match(words):
        whole = f"how many {measure['unit']} is {{}}"
        return Said(told, completes=whole, about=measure["what"])
    result = said_words(told.rpartition(" is ")[2])
    return Said(told, completes=f"what is {result} {{}}", about=result)


_OF = re.compile(r"\bper ?cent of (?P<whole>.+)$")
_HOW_MANY = re.compile(
    r"how many (?P<unit>.+?) (?:is|are|in|make|does|do) (?:there in )?(?P<what>.+)$"
)

SUMS: Requests = {"value": _value}
