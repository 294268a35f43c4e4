"""Text as it is written, made into text as it is said: between a reply and the voice.

What voices read wrongly is written out here: numbers, money, units, times, dates, ranges, Roman
numbers, abbreviations, addresses, links and sums. Words stay as they are.
"""

from __future__ import annotations

import re

from assistant.speak.normalise import amounts, moments, names, numbers, sums
from assistant.speak.normalise.numbers import Accent, with_fraction_signs

_FIRST = (*names.FIRST, *moments.WEEKDAY_RULES)
_NUMBERS = (*moments.RULES, *sums.SIGNS, *amounts.RULES, *sums.RULES, *numbers.RULES)
_LOOSE = re.compile(r"\s+(?=[.,;:?!](?:\s|$))")


def accent_of(language: str) -> Accent | None:
    """How a voice such as "en-gb-x-rp" says numbers; ``None`` if it does not speak English."""
    parts = re.split(r"[-_+]", language.lower())
    if "en" not in parts and not any(part.startswith("us") for part in parts):
        return None
    return "american" if any(part.startswith("us") for part in parts) else "british"


def normalised(text: str, accent: Accent) -> str:
    """A sentence with everything in words."""
    text = with_fraction_signs(text)
    has_numbers = any(char.isdecimal() for char in text)
    for pattern, said in (*_FIRST, *(_NUMBERS if has_numbers else ()), *names.LAST):
        text = pattern.sub(lambda found, said=said: said(found, accent), text)
    return " ".join(_LOOSE.sub("", text).split())
