"""Words as they are said: one form for matching, scoring and learning, whoever wrote the text.

A recogniser writes "It's 8:30, Peter." and a person types "it's half eight peter"; what is
compared, counted or learned from is always what was said, without case, punctuation and digits.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from num2words import num2words  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

_OUTER_APOSTROPHE = re.compile(r"(?<![^\W\d_])'|'(?![^\W\d_])")
_CURRENCIES = {
    "$": ("dollar", "dollars"),
    "\N{POUND SIGN}": ("pound", "pounds"),
    "\N{EURO SIGN}": ("euro", "euros"),
}
_NUMBER = re.compile(
    r"(?P<currency>[$\u00a3\u20ac])\s?(?P<amount>\d[\d,]*)(?:\.(?P<cents>\d\d))?(?!\d)"
    r"|(?<![\d:])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!\d)"
    r"|(?P<ordinal>\d+)(?:st|nd|rd|th)\b"
    r"|(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<decimals>\d+))?(?P<percent>\s?%)?",
    re.IGNORECASE,
)


def spoken_form(text: str) -> str:
    """Words in lower case with single spaces: the letters a to z and apostrophes within words.

    Raises:
        ValueError: if there are no words, or some that an encoder of letters cannot write.
    """
    if any(char.isnumeric() for char in _NUMBER.sub(" ", text)):
        raise ValueError("fractions or other signs for numbers")
    words = said_words(text)
    if any(char.isalpha() and not "a" <= char <= "z" for char in words):
        raise ValueError("letters that the speech encoder does not write")
    if not words:
        raise ValueError("no words")
    return words


def said_words(text: str) -> str:
    """What is said of a text, in lower case with single spaces; empty if that is nothing.

    Letters of any alphabet stay, without their accents; numbers are written out in English.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    text = _NUMBER.sub(lambda found: f" {_in_words(found)} ", text)
    apart = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    words = "".join(char if char.isalpha() or char == "'" else " " for char in bare)
    return " ".join(_OUTER_APOSTROPHE.sub(" ", words).split())


def _in_words(found: re.Match[str]) -> str:
    if found["currency"]:
        return _money(found)
    if found["hour"]:
        return _clock(int(found["hour"]), int(found["minute"]))
    if found["ordinal"]:
        return str(num2words(int(found["ordinal"]), to="ordinal"))
    said = _amount(found["whole"], found["decimals"])
    return f"{said} percent" if found["percent"] else said


def _amount(whole: str, decimals: str | None) -> str:
    if decimals is not None:
        return str(num2words(Decimal(f"{whole.replace(',', '')}.{decimals}")))
    if "," not in whole and (len(whole) > 4 or (len(whole) > 1 and whole[0] == "0")):
        # a telephone number or a code, which is said digit by digit
        return " ".join(str(num2words(int(digit))) for digit in whole)
    number = int(whole.replace(",", ""))
    is_year = "," not in whole and (1100 <= number < 2000 or 2010 <= number < 2100)
    return str(num2words(number, to="year" if is_year else "cardinal"))


def _money(found: re.Match[str]) -> str:
    amount = int(found["amount"].replace(",", ""))
    said = f"{num2words(amount)} {_CURRENCIES[found['currency']][amount != 1]}"
    cents = int(found["cents"] or 0)
    return f"{said} {num2words(cents)}" if cents else said


def _clock(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{num2words(hour)} o'clock"
    return f"{num2words(hour)} {'oh ' if minute < 10 else ''}{num2words(minute)}"
