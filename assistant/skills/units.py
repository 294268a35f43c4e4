"""Conversions of length, weight, volume, temperature and time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from assistant.skills.times.numbers import AMOUNT, FRACTION, either, exact, spoken_exact


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in terms of its kind's first, in Britain and in America."""

    kind: str
    one: str
    several: str
    size: Fraction
    american: Fraction


def _units() -> dict[str, Unit]:
    """By each of their names; sizes are exact by definition."""
    found: dict[str, Unit] = {}
    for kind, lines in _LINES.items():
        for line in lines:
            size, names, *american = line
            one, several, *others = names.split("|")
            there = Fraction(american[0]) if american else Fraction(size)
            unit = Unit(kind, one, several, Fraction(size), there)
            found.update(dict.fromkeys((one, several, *others), unit))
    return found


_LINES: dict[str, tuple[tuple[str, ...], ...]] = {
    "length": (
        ("0.001", "millimetre|millimetres|millimeter|millimeters|mm"),
        ("0.01", "centimetre|centimetres|centimeter|centimeters|cm"),
        ("1", "metre|metres|meter|meters"),
        ("1000", "kilometre|kilometres|kilometer|kilometers|km"),
        ("0.0254", "inch|inches"),
        ("0.3048", "foot|feet"),
        ("0.9144", "yard|yards"),
        ("1609.344", "mile|miles"),
    ),
    "weight": (
        ("0.001", "milligram|milligrams|mg"),
        ("1", "gram|grams|gramme|grammes"),
        ("1000", "kilogram|kilograms|kilo|kilos|kg"),
        ("1000000", "tonne|tonnes"),
        ("28.349523125", "ounce|ounces"),
        ("453.59237", "pound|pounds"),
        ("6350.29318", "stone|stone|stones"),
    ),
    "volume": (
        ("1", "millilitre|millilitres|milliliter|milliliters|ml"),
        ("10", "centilitre|centilitres|centiliter|centiliters"),
        ("1000", "litre|litres|liter|liters"),
        ("5", "teaspoon|teaspoons|teaspoonful|teaspoonfuls", "4.92892159375"),
        ("15", "tablespoon|tablespoons|tablespoonful|tablespoonfuls", "14.78676478125"),
        ("250", "cup|cups", "236.5882365"),
        ("28.4130625", "fluid ounce|fluid ounces", "29.5735295625"),
        ("568.26125", "pint|pints", "473.176473"),
        ("1136.5225", "quart|quarts", "946.352946"),
        ("4546.09", "gallon|gallons", "3785.411784"),
    ),
    "time": (
        ("1", "second|seconds"),
        ("60", "minute|minutes"),
        ("3600", "hour|hours"),
        ("86400", "day|days"),
        ("604800", "week|weeks"),
        ("1209600", "fortnight|fortnights"),
    ),
}
_UNITS = _units()
_FLUID = _UNITS["fluid ounce"]
_WITH_AN = ("hour", "inch", "ounce")
_NAME = either(_UNITS)
_QUANTITY = (
    rf"(?:(?P<amount>an?|{AMOUNT})(?: (?P<of>of an?|an?))? )(?P<unit>{_NAME})"
    rf"(?: and (?P<extra>{FRACTION}))?"
)
_WHAT = "(?:what(?: is|'s|s| are| would)|how (?:much|hot|warm|cold) (?:is|are)|convert|change)"
_ASKED = tuple(
    re.compile(rf"(?:(?:can|could) you )?(?:tell me )?{pattern}")
    for pattern in (
        rf"how many (?P<to>{_NAME})(?: (?:is|are)(?: there)?| make| go into)?(?: in)? {_QUANTITY}",
        rf"{_WHAT} {_QUANTITY}(?: be)? (?:in|to|into|as) (?P<to>{_NAME})",
        rf"{_QUANTITY} (?:in|into|as|(?:is|are|equals?)(?: equal to)? how many) (?P<to>{_NAME})",
    )
)
_SCALES = {"celsius": "C", "centigrade": "C", "c": "C", "fahrenheit": "F", "f": "F"}
_SCALE = either(_SCALES)
_HEAT = re.compile(
    rf"(?:(?:can|could) you )?(?:tell me )?(?:{_WHAT} )?(?P<value>(?:minus )?{AMOUNT})"
    rf"(?: degrees?)? (?P<from>{_SCALE})"
    rf" (?:in|to|into|as) (?:degrees )?(?P<to>{_SCALE})"
)
_DEGREES = {"C": "Celsius", "F": "Fahrenheit"}


def converted(words: str) -> str | None:
    """The conversion that a whole question asks for: "one foot is twelve inches"."""
    if found := _HEAT.fullmatch(words):
        return _heat(found)
    for pattern in _ASKED:
        found = pattern.fullmatch(words)
        value = found and _value(found)
        if found and value:
            return _between(value, _UNITS[found["unit"]], _UNITS[found["to"]])
    if re.fullmatch(r"how many months(?: are(?: there)?)?(?: in)? (?:a|one) year", words):
        return "one year is twelve months"
    if re.fullmatch(r"how many days(?: are(?: there)?)?(?: in)? (?:a|one) year", words):
        return (
            "one year is three hundred and sixty-five days, and a leap year is three hundred and "
            "sixty-six"
        )
    return None


def _value(found: re.Match[str]) -> Fraction | None:
    amount = found["amount"]
    value = Fraction(1) if amount in ("a", "an") else exact(amount)
    extra = exact(found["extra"]) if found["extra"] else Fraction(0)
    if value is None or extra is None or value < 0:
        return None
    return None if found["of"] and value >= 1 else value + extra


def _between(value: Fraction, unit: Unit, to: Unit) -> str | None:
    if {unit.kind, to.kind} == {"weight", "volume"}:  # the ounces of a pint are fluid
        unit = _FLUID if unit.one == "ounce" else unit
        to = _FLUID if to.one == "ounce" else to
    if unit.kind != to.kind or unit == to:
        return None
    here = value * unit.size / to.size
    there = value * unit.american / to.american
    if here >= 10**9 or there >= 10**9:
        return None
    said = f"{_count(value, unit)} is {_rounded(here, to)}"
    if abs(there - here) * 50 <= here:
        return said
    return f"{said} in Britain, and {_rounded(there, to)} in America"


def _count(value: Fraction, unit: Unit) -> str:
    if value == Fraction(1, 2):
        return f"half {'an' if unit.one in _WITH_AN else 'a'} {unit.one}"
    return f"{spoken_exact(value)} {_named(value, unit)}"


def _rounded(value: Fraction, unit: Unit) -> str:
    """Exact if it is short, else to three digits or the next whole number."""
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= Fraction(1, 10) else 4
    if value.denominator in (2, 4) or not value * 100 % 1:
        return _count(value, unit)
    rounded = Fraction(round(value, places))
    return f"about {_count(rounded, unit)}" if rounded else f"almost no {unit.several}"


def _named(value: Fraction, unit: Unit) -> str:
    if value < 1 and value.denominator in (2, 3, 4):
        return f"of {'an' if unit.one in _WITH_AN else 'a'} {unit.one}"
    return unit.one if value == 1 else unit.several


def _heat(found: re.Match[str]) -> str | None:
    value, start, end = exact(found["value"]), _SCALES[found["from"]], _SCALES[found["to"]]
    if value is None or start == end or abs(value) >= 10**6:
        return None
    result = value * Fraction(9, 5) + 32 if start == "C" else (value - 32) * Fraction(5, 9)
    rounded = Fraction(round(result))
    about = "" if rounded == result else "about "
    return f"{_degrees(value)} {_DEGREES[start]} is {about}{_degrees(rounded)} {_DEGREES[end]}"


def _degrees(value: Fraction) -> str:
    return f"{spoken_exact(value)} degree{'' if abs(value) == 1 else 's'}"
