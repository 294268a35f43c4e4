"""Splits text into sentences while it is still being written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONG = 200
"""Characters after which a sentence without an end is cut at a comma or a space."""

_TITLES = frozenset(
    ("mr", "mrs", "ms", "dr", "st", "prof", "rev", "sr", "jr", "mt", "gen", "vs", "e.g", "i.e")
)
"""Words whose full stop never ends a sentence."""

_SHORTENED = frozenset(("etc", "approx", "a.m", "p.m", "u.s", "u.k"))
"""Words whose full stop ends a sentence only when a capital follows."""

# a mark, closing quotes or brackets, and the start of what follows; or the end of a line
_MARK = re.compile(r"""(?P<mark>[.!?…]+)["'”\u2019)\]*]*(?=\s+(?P<next>\S))|\n""")
_WORD_BEFORE = re.compile(r"[A-Za-z.]+$")


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """The sentences of a stream of text pieces, each as soon as what follows shows its end.

    White space around them is dropped, and so is text without letters or digits.
    """
    text = ""
    for piece in pieces:
        for start in range(0, len(piece), LONG):  # bounds the work, however long a piece is
            text = (text + piece[start : start + LONG]).lstrip()
            while (end := _end(text)) is not None:
                yield from _speakable(text[:end])
                text = text[end:].lstrip()
    yield from _speakable(text)


def _speakable(text: str) -> list[str]:
    text = text.strip()
    return [text] if any(character.isalnum() for character in text) else []


def _end(text: str) -> int | None:
    """Where the first sentence ends, if that is certain."""
    for found in _MARK.finditer(text):
        if found.start() > LONG:
            break
        if found["mark"] != "." or not _goes_on(text[: found.start()], found["next"]):
            return found.end()
    if len(text) <= LONG:
        return None
    comma = max(text.rfind(mark, LONG // 4, LONG) for mark in (", ", "; ", ": "))
    if comma > 0:
        return comma + 1
    space = text.rfind(" ", 0, LONG)
    return space if space > 0 else LONG


def _goes_on(before: str, following: str) -> bool:
    """Whether a single full stop after this text belongs to an abbreviation or a list number."""
    if before.isdigit():
        return True
    word = _WORD_BEFORE.search(before)
    if word is None:
        return False
    last = word[0].lower().lstrip(".")
    if last in _TITLES or (len(last) == 1 and word[0].isupper() and last != "i"):
        return True
    return last in _SHORTENED and not following.isupper()
