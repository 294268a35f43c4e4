"""The one form in which texts are learned: what the speech encoder can write."""

from __future__ import annotations

import re
import unicodedata

_OUTER_APOSTROPHE = re.compile(r"(?<![a-z])'|'(?![a-z])")


def spoken_form(text: str) -> str:
    """Words in lower case with single spaces: the letters a to z and apostrophes within words.

    Raises:
        ValueError: if there are no words, or some that the encoder has no letters for.
    """
    apart = unicodedata.normalize("NFKD", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    bare = "".join(char for char in apart.lower() if not unicodedata.combining(char))
    if any(char.isnumeric() for char in bare):
        raise ValueError("numbers in digits, not in words")
    if any(char.isalpha() and not "a" <= char <= "z" for char in bare):
        raise ValueError("letters that the speech encoder does not write")
    words = re.sub("[^a-z' ]+", " ", bare)
    if spoken := " ".join(_OUTER_APOSTROPHE.sub(" ", words).split()):
        return spoken
    raise ValueError("no words")
