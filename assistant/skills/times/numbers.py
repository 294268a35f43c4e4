"""Numbers as they are said, the inverse of ``spoken_number`` and ``spoken_ordinal``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from assistant.spoken_times import spoken_number, spoken_ordinal

BELOW_100 = {spoken_number(n).replace("-", " "): n for n in range(100)}
ORDINALS = {spoken_ordinal(n).replace("-", " "): n for n in range(1, 32)}
_SCALES = {"million": 1_000_000, "thousand": 1_000, "hundred": 100}
_DIGITS = {"oh": 0} | {name: n for name, n in BELOW_100.items() if n < 10}
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10,
}  # fmt: skip
_UNENDING = {3: "third", 6: "sixth", 7: "seventh", 9: "ninth"}  # that no decimal says exactly
_PLURAL_PARTS = {"halves": 2} | {f"{name}s": n for name, n in _PARTS.items() if n > 2}


def either(phrases: Iterable[str]) -> str:
    """A pattern for any of some phrases, the longest first."""
    rests: dict[str, list[str]] = {}
    for phrase in phrases:
        first, _, rest = phrase.partition(" ")
        rests.setdefault(first, []).append(rest)
    words: list[str] = []
    for first in sorted(rests, key=len, reverse=True):
        longer = either(filter(None, rests[first])) if any(rests[first]) else ""
        words.append(
            f"{first}(?: {longer}){'?' if '' in rests[first] else ''}" if longer else first
        )
    return f"(?:{'|'.join(words)})"


_SMALL, _SCALE = either(BELOW_100), either(_SCALES)
WHOLE = (
    rf"(?:(?:a )?{_SCALE}\b(?: and(?= {_SMALL}\b))?|{_SMALL}\b)"
    rf"(?: (?:{_SCALE}\b(?: and(?= {_SMALL}\b))?|{_SMALL}\b))*"
)
"""A run of number words, which ``number`` may still refuse ("ten fifteen")."""
FRACTION = rf"(?:(?:an? |one )?{either(_PARTS)}|{_SMALL} {either(_PLURAL_PARTS)})\b"
AMOUNT = (
    rf"(?:{WHOLE}(?: point(?: {either(_DIGITS)}\b)+)?(?: and {FRACTION})?|{FRACTION}"
    rf"|point(?: {either(_DIGITS)}\b)+)"
)
"""A number with halves, quarters or decimals, which ``exact`` may still refuse."""


def number(words: str) -> int | float | None:
    """The number that a whole phrase names, if it names nothing else."""
    value = exact(words)
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)


def ordinal(words: str) -> int | None:
    """The number from 1 to 31 that an ordinal names."""
    return ORDINALS.get(words)


def exact(words: str) -> Fraction | None:
    """The number that a whole phrase names, without rounding."""
    for sign in ("minus ", "negative "):
        if words.startswith(sign):
            value = exact(words.removeprefix(sign))
            return None if value is None or value < 0 else -value
    if words in ("a dozen", "half a dozen"):
        return Fraction(12 if words == "a dozen" else 6)
    whole, point, decimals = words.partition("point ")
    if point:
        digits = [_DIGITS.get(each) for each in decimals.split()]
        before = Fraction(0) if not whole else _whole(whole.split())
        if before is None or not digits or None in digits:
            return None
        return before + Fraction(int("".join(map(str, digits))), 10 ** len(digits))
    mixed, joint, rest = words.rpartition(" and ")
    if joint and (part := _fraction(rest)) is not None:
        before = _whole(mixed.split())
        return None if before is None or part >= 1 else before + part
    part = _fraction(words)
    return _whole(words.split()) if part is None else part


def _fraction(words: str) -> Fraction | None:
    found = re.fullmatch(r"(?:(.+) )?([a-z]+)", words)
    if found is None:
        return None
    if (part := _PARTS.get(found[2])) and found[1] in (None, "a", "an", "one"):
        # A bare ordinal ("third") is no fraction.
        bare = found[1] is None and found[2] not in ("half", "quarter")
        return None if bare else Fraction(1, part)
    count, parts = BELOW_100.get(found[1] or ""), _PLURAL_PARTS.get(found[2])
    return None if count is None or parts is None else Fraction(count, parts)


def _whole(words: list[str]) -> Fraction | None:
    for name, scale in _SCALES.items():
        if name not in words:
            continue
        at = words.index(name)
        head, tail = words[:at], words[at + 1 :]
        count = Fraction(1) if head in ([], ["a"]) else _whole(head)
        if count is None or not 0 < count < (100 if scale == 100 else 1_000):
            return None
        if not tail:
            return count * scale
        rest = _whole(tail[1:] if tail[0] == "and" else tail)
        return None if rest is None or not 0 < rest < scale else count * scale + rest
    value = BELOW_100.get(" ".join(words))
    return None if value is None else Fraction(value)


def spoken_whole(value: int) -> str:
    """A whole number below a thousand million in words.

    Raises:
        ValueError: if it is beyond that.
    """
    if value < 0:
        return f"minus {spoken_whole(-value)}"
    if value < 100:
        return spoken_number(value)
    for name, scale in _SCALES.items():
        count, rest = divmod(value, scale)
        if 0 < count < 1_000:
            said = f"{spoken_whole(count)} {name}"
            joint = " and" if scale == 100 or rest < 100 else ""
            return f"{said}{joint} {spoken_whole(rest)}" if rest else said
    raise ValueError(f"only numbers below a thousand million can be spoken, not {value}")


def spoken_exact(value: Fraction) -> str:
    """A number in words: "two and a half", "twelve point five", "about three point one four".

    Raises:
        ValueError: if it is a thousand million or more.
    """
    if value < 0:
        return f"minus {spoken_exact(-value)}"
    whole, part = divmod(value, 1)
    if not part:
        return spoken_whole(whole)
    if part.denominator in (2, 3, 4) or (not whole and part.denominator in _UNENDING):
        said = _parts(part)
        return f"{spoken_whole(whole)} and {said}" if whole else said.replace("a half", "one half")
    places = next((n for n in range(1, 5) if not value * 10**n % 1), None)
    if places is not None:
        return _decimal(value, places)
    places = 2 if value >= Fraction(1, 10) else 4
    rounded = round(value, places)
    return f"about {_decimal(rounded, places)}" if rounded else "almost zero"


def _parts(part: Fraction) -> str:
    name = _UNENDING.get(part.denominator) or {2: "half", 4: "quarter"}[part.denominator]
    return f"a {name}" if part.numerator == 1 else f"{spoken_whole(part.numerator)} {name}s"


def _decimal(value: Fraction, places: int) -> str:
    whole, part = divmod(value, 1)
    digits = f"{int(part * 10**places):0{places}d}".rstrip("0")
    said = spoken_whole(whole)
    return f"{said} point {' '.join(map(spoken_number, map(int, digits)))}" if digits else said
