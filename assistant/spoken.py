"""Words as they are said: one form for matching, scoring and learning, whoever wrote the text.

A recogniser writes "It's 8:30, Peter." and a person types "it's half eight peter"; comparing,
counting and learning always use what was said, without case, punctuation and digits.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

_OUTER_APOSTROPHE = re.compile(r"(?<![^\W\d_])'|'(?![^\W\d_])")
_CURRENCIES = {
    "$": ("dollar", "dollars"),
    "\N{POUND SIGN}": ("pound", "pounds"),
    "\N{EURO SIGN}": ("euro", "euros"),
}
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBER = re.compile(
    r"(?P<currency>[$\u00a3\u20ac])\s?(?P<amount>\d[\d,]*)(?:\.(?P<cents>\d+))?"
    r"(?:\s(?P<scale>thousand|million|billion|trillion)\b)?"
    r"|(?<![\d-])(?P<telephone>(?:\(\d{3}\)\s?|\d{3}[-\s])?\d{3}-\d{4})(?![\d-])"
    r"|(?<![\d:])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!\d)"
    r"|(?P<ordinal>\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b"
    r"|(?P<whole>\d{1,3}(?:,\d{3})+|\d+)"
    r"(?:\.(?P<decimals>\d+)|(?P<several>'?s)\b)?(?P<percent>\s?%)?",
    re.IGNORECASE,
)
_OPERATORS = {
    "+": " plus ",
    "\N{MULTIPLICATION SIGN}": " times ",
    "*": " times ",
    "\N{DIVISION SIGN}": " divided by ",
}
_OPERATOR = re.compile(r"(?<=\d)\s?([+*\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}])\s?(?=\d)")
LETTERS_PER_S = 24.0
"""Nobody speaks faster: of 1,000 recordings of 126 readers none has more than 18.4 letters in a
second of voice (webrtcvad, mode 2; speechocean762 and Kathleen)."""

LONGEST = 15
"""Most digits of a number that is read as one; a lost recogniser may write thousands."""


def spoken_form(text: str) -> str:
    """Words in lower case with single spaces: the letters a to z and apostrophes within words.

    Raises:
        ValueError: if there are no words, or some with letters that the encoder cannot write.
    """
    if any(char.isnumeric() for char in _NUMBER.sub(" ", text)):
        raise ValueError("fractions or other signs for numbers")
    words = said_words(text)
    if any(char not in " 'abcdefghijklmnopqrstuvwxyz" for char in words):
        raise ValueError("letters that the speech encoder does not write")
    if not words:
        raise ValueError("no words")
    return words


def shortest_s(text: str) -> float:
    """The least time, in seconds, in which anyone says a text."""
    return sum(char.isalpha() for char in text) / LETTERS_PER_S


def said_words(text: str) -> str:
    """The spoken words of a text, in lower case with single spaces; empty if there are none.

    Letters of any alphabet stay, without accents; numbers are written out in English.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("&", " and ")
    text = _OPERATOR.sub(lambda found: _OPERATORS[found[1]], text)
    text = _NUMBER.sub(lambda found: f" {_in_words(found)} ", text)
    kept = " "
    letters: list[str] = []
    for char in unicodedata.normalize("NFKD", text).lower():
        if unicodedata.combining(char):
            continue
        is_letter = char.isalpha() or char == "'" or (kept.isalpha() and _is_vowel_sign(char))
        if not _is_vowel_sign(char):
            kept = char
        letters.append(char if is_letter else " ")
    return " ".join(_OUTER_APOSTROPHE.sub(" ", "".join(letters)).split())


def _is_vowel_sign(char: str) -> bool:
    """Whether it is part of the letter before it, as in Hindi or Thai, and not of an emoji."""
    return unicodedata.category(char) in ("Mc", "Mn") and not "\ufe00" <= char <= "\ufe0f"


def _in_words(found: re.Match[str]) -> str:
    if found["currency"]:
        return _money(found)
    if found["telephone"]:
        return digit_by_digit("".join(filter(str.isdecimal, found["telephone"])))
    if found["hour"]:
        return _clock(int(found["hour"]), int(found["minute"]))
    if found["ordinal"]:
        return _ordinal(found["ordinal"].replace(",", ""))
    said = _amount(found["whole"], found["decimals"])
    if found["several"]:  # of years or figures
        said = pluralised(said)
    return f"{said} percent" if found["percent"] else said


def _amount(whole: str, decimals: str | None) -> str:
    if decimals is not None:
        return f"{_cardinal(whole.replace(',', ''))} point {digit_by_digit(decimals)}"
    if "," not in whole and (len(whole) > 4 or (len(whole) > 1 and int(whole[0]) == 0)):
        return digit_by_digit(whole)  # a telephone number or a code
    digits = whole.replace(",", "")
    if "," not in whole and (1100 <= int(digits) < 2000 or 2010 <= int(digits) < 2100):
        return number_in_words(int(digits), "year")
    return _cardinal(digits)


def _cardinal(digits: str) -> str:
    return digit_by_digit(digits) if len(digits) > LONGEST else number_in_words(int(digits))


def _ordinal(digits: str) -> str:
    if len(digits) > LONGEST:
        return digit_by_digit(digits)
    return number_in_words(int(digits), "ordinal")


def number_in_words(number: int, form: Literal["cardinal", "ordinal", "year"] = "cardinal") -> str:
    """A number as it is said in English: "forty-two", "forty-second"."""
    # its table of languages takes longer to load than many a command
    from num2words import num2words  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    return str(num2words(number, to=form))


def digit_by_digit(digits: str) -> str:
    """Each digit by its name: "one one two"."""
    return " ".join(_DIGITS[int(digit)] for digit in digits)


def pluralised(said: str) -> str:
    """The plural, such as ``nineteen eighties``."""
    if said.endswith("y"):
        return f"{said[:-1]}ies"
    return said + ("es" if said.endswith("x") else "s")


def _money(found: re.Match[str]) -> str:
    digits, cents, scale = found["amount"].replace(",", ""), found["cents"], found["scale"]
    one, several = _CURRENCIES[found["currency"]]
    if scale or (cents and len(cents) != 2):
        said = _cardinal(digits) if cents is None else _amount(digits, cents)
        return f"{said} {scale or ''} {several}"
    is_one = len(digits) <= LONGEST and int(digits) == 1
    said = f"{_cardinal(digits)} {one if is_one else several}"
    return said if cents is None or int(cents) == 0 else f"{said} {_cardinal(cents)}"


def _clock(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{number_in_words(hour)} o'clock"
    return f"{number_in_words(hour)} {'oh ' if minute < 10 else ''}{number_in_words(minute)}"
