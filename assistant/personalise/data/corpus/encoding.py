"""In which encoding a text was saved: UTF-8, or UTF-16 as spreadsheets write it."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

SAMPLE = 65_536
"""Bytes of a text by which its encoding is told."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's mark, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

_OTHERS = {
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "mac_roman": "Mac Roman",
    "cp932": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "Korean",
}
"""What spreadsheets wrote before Unicode, as they call it."""


def encoding_of(start: bytes) -> str:
    """The Unicode encoding of a text that begins like this; UTF-8 if it is none of the others."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # every second byte of Western text in UTF-16 is zero, and none is in any other encoding
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 4 <= len(start):
        return "utf-8"
    return "utf-16-be" if even > odd else "utf-16-le"


def guessed(text: bytes) -> str:
    """What a text that is not Unicode is probably encoded in."""
    # only a text with such a fault pays for the import
    from charset_normalizer import from_bytes  # noqa: PLC0415

    found = list(from_bytes(text[:SAMPLE], cp_isolation=list(_OTHERS)))
    best = [each for each in found if _fit(each) == _fit(found[0])]
    names = [name for each in best for name in (each.encoding, *each.could_be_from_charset)]
    # of equals the most usual, because nothing else tells them apart in a few words
    return next((_OTHERS[name] for name in _OTHERS if name in names), "an unknown encoding")


def _fit(match: CharsetMatch) -> tuple[float, float]:
    return match.chaos, match.coherence
