"""Numbers as they are said, in Britain and in America."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from assistant.spoken import LONGEST, digit_by_digit, number_in_words, pluralised

Accent: TypeAlias = Literal["british", "american"]
Rule: TypeAlias = tuple[re.Pattern[str], Callable[[re.Match[str], Accent], str]]
"""What is written, and how it is said in an accent."""


def always(said: str) -> Callable[[re.Match[str], Accent], str]:
    """What is said in the same way whatever it is."""

    def saying(found: re.Match[str], accent: Accent) -> str:
        del found, accent
        return said

    return saying


WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
DECIMAL = rf"(?:{WHOLE}(?:\.\d+)?|(?<!\d)\.\d+)"
DASH = r"(?:-|\u2010|\u2011|\u2012|\u2013|\u2014)"
MINUS = r"(?:(?<![\w.,)\u2013-])[-\u2212](?=[\d.$\u00a3\u20ac]))"

SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
_PARTS = {2: "half", 4: "quarter"}
_SIGNS = {
    "\u00bd": "1/2", "\u2153": "1/3", "\u2154": "2/3", "\u00bc": "1/4", "\u00be": "3/4",
    "\u2155": "1/5", "\u2156": "2/5", "\u2157": "3/5", "\u2158": "4/5", "\u2159": "1/6",
    "\u215a": "5/6", "\u215b": "1/8", "\u215c": "3/8", "\u215d": "5/8", "\u215e": "7/8",
}  # fmt: skip
_FIXED = {"24/7": "twenty-four seven", "9/11": "nine eleven", "50/50": "fifty fifty"}


def cardinal(digits: str, accent: Accent) -> str:
    """A whole number: "one hundred and five", in America "one hundred five"."""
    digits = digits.replace(",", "")
    if len(digits) > LONGEST:
        return digit_by_digit(digits)
    said = number_in_words(int(digits)).replace(",", "")
    return said if accent == "british" else said.replace(" and ", " ")


def ordinal(digits: str, accent: Accent) -> str:
    """Its place in a row: "one hundred and fifth"."""
    digits = digits.replace(",", "")
    if len(digits) > LONGEST:
        return digit_by_digit(digits)
    said = number_in_words(int(digits), "ordinal").replace(",", "")
    return said if accent == "british" else said.replace(" and ", " ")


def amount(written: str, accent: Accent) -> str:
    """A number with decimals, if it has any: "one point five"."""
    whole, _, decimals = written.partition(".")
    if not decimals:
        return cardinal(whole, accent)
    before = cardinal(whole, accent) if whole else ""
    return f"{before} point {digit_by_digit(decimals)}".strip()


def year(digits: str, accent: Accent) -> str:
    """Four digits as a year, or as the number of a house: "nineteen oh five"."""
    century, rest = int(digits[:2]), int(digits[2:])
    if century % 10 == 0 and rest < 10:
        return cardinal(digits, accent)
    if rest == 0:
        return f"{number_in_words(century)} hundred"
    return f"{number_in_words(century)} {'oh ' if rest < 10 else ''}{number_in_words(rest)}"


def looks_like_year(digits: str) -> bool:
    """Whether a bare number of four digits is read as one."""
    return len(digits) == 4 and (1100 <= int(digits) < 2000 or 2000 <= int(digits) < 2100)


def fraction(over: str, under: str, accent: Accent) -> str:
    """Such as "three quarters" and "one hundred and twenty over eighty"."""
    if (fixed := _FIXED.get(f"{over}/{under}")) is not None:
        return fixed
    top, bottom = int(over), int(under)
    if bottom in (10, 100) and top > 1:  # mostly a mark that somebody gave
        return f"{cardinal(over, accent)} out of {cardinal(under, accent)}"
    is_part = 2 <= bottom <= 20 or bottom in (32, 64, 100, 1000)
    if not is_part or top == 0 or (top > bottom > 10):
        return f"{cardinal(over, accent)} over {cardinal(under, accent)}"
    part = _PARTS.get(bottom) or ordinal(under, accent)
    if top != 1:
        part = "halves" if bottom == 2 else f"{part}s"
    return f"{cardinal(over, accent)} {part}"


def mixed(whole: str, over: str, under: str, accent: Accent) -> str:
    """Such as "two and a half"."""
    part = fraction(over, under, accent)
    if part.startswith("one "):
        part = f"{'an' if under in ('8', '11', '18') else 'a'} {part.removeprefix('one ')}"
    return f"{cardinal(whole, accent)} and {part}"


def with_fraction_signs(text: str) -> str:
    """The text with signs such as \u00bd written as 1/2."""
    for sign, written in _SIGNS.items():
        if sign in text:
            text = re.sub(rf"(?<=\d)\s?{sign}", f" {written}", text).replace(sign, written)
    return text.replace("\u2044", "/")


def bare(digits: str, accent: Accent) -> str:
    """A number of which nothing else is known."""
    if "," in digits:
        return cardinal(digits, accent)
    if looks_like_year(digits):
        return year(digits, accent)
    is_code = len(digits) > 1 and digits[0] == "0"
    if is_code or (len(digits) >= 7 and not digits.endswith("000")):
        return digit_by_digit(digits)
    return cardinal(digits, accent)


def stop_of(found: re.Match[str]) -> str:
    """The full stop of an abbreviation, where it ends the sentence, too."""
    rest = found.string[found.end() :].strip(" \"')\u201d\u2019")
    return "." if found[0].endswith(".") and not rest else ""


def _signed(found: re.Match[str], accent: Accent) -> str:
    return f"{'minus' if accent == 'british' else 'negative'} {amount(found[1], accent)}"


def _range(found: re.Match[str], accent: Accent) -> str:
    first, last = found[1], found[2]
    if looks_like_year(first) and len(last) == 2:
        return f"{year(first, accent)} to {cardinal(last, accent)}"
    return f"{_any(first, accent)} to {_any(last, accent)}"


def _any(written: str, accent: Accent) -> str:
    return amount(written, accent) if "." in written else bare(written, accent)


RULES: tuple[Rule, ...] = (
    (
        re.compile(r"\b((?:call|dial|ring|phone) )(911|999|112|111|988)\b", re.IGNORECASE),
        lambda found, _: found[1] + digit_by_digit(found[2]),
    ),
    (  # telephone numbers, digit by digit with a pause between the groups
        re.compile(
            r"(?<![\w-])(?:\+\d{1,3}[ -])?(?:\d{3,5}[ -])?\d{3}[ -]\d{4}(?![\w-])"
            r"|(?<![\w-])(?:\+\d{1,3} ?)?\(\d{3,5}\) ?\d{3,4}[ -]\d{3,4}(?![\w-])"
            r"|(?<![\w-])(?:\+\d{1,3}|0\d{2,4})(?: \d{2,4}){2,4}(?![\w-])"
        ),
        lambda found, _: ", ".join(map(digit_by_digit, re.findall(r"\d+", found[0]))),
    ),
    (
        re.compile(r"(?<![\w./])(\d{1,3}) (\d{1,2})/(\d{1,3})(?![\w/])"),
        lambda found, accent: mixed(found[1], found[2], found[3], accent),
    ),
    (
        re.compile(r"(?<![\w./])(\d{1,3})/(\d{1,4})(?:ths?|rds?|nds?)?(?![\w/])"),
        lambda found, accent: fraction(found[1], found[2], accent),
    ),
    (
        re.compile(rf"(?<![\w.,/-])({DECIMAL})\s?{DASH}\s?({DECIMAL})(?![\w/-])"),
        _range,
    ),
    (
        re.compile(rf"({WHOLE})(?:st|nd|rd|th)\b", re.IGNORECASE),
        lambda found, accent: ordinal(found[1], accent),
    ),
    (
        re.compile(r"\b(\d{2}|\d{3}0)(?:'|\u2019)?s\b|(?:'|\u2019)(\d0)s\b"),
        lambda found, accent: pluralised(
            year(found[1], accent)
            if found[1] and len(found[1]) == 4
            else cardinal(found[1] or found[2], accent)
        ),
    ),
    (re.compile(rf"{MINUS}({DECIMAL})"), _signed),
    (  # "16:9"
        re.compile(r"(?<![\w:])(\d+):(\d+)(?![\w:])"),
        lambda found, accent: f"{cardinal(found[1], accent)} to {cardinal(found[2], accent)}",
    ),
    (  # versions and the like
        re.compile(r"\d+(?:\.\d+){2,}"),
        lambda found, accent: " point ".join(cardinal(n, accent) for n in found[0].split(".")),
    ),
    (
        re.compile(rf"({WHOLE}?\.\d+)"),
        lambda found, accent: amount(found[1], accent),
    ),
    # a letter before or behind is said apart: "flat 4B", "A4"
    (
        re.compile(rf"(?<=[^\W\d_])-?({WHOLE})|({WHOLE})(?=[A-Z]\b)"),
        lambda found, accent: (
            f" {bare(found[1], accent)} " if found[1] else f"{bare(found[2], accent)} "
        ),
    ),
    (re.compile(rf"({WHOLE})"), lambda found, accent: bare(found[1], accent)),
)
