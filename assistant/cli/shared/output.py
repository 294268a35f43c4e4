"""What the commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TextIO, cast

WIDTH = 100
"""Maximum columns of a table, so that it fits an ordinary terminal."""

_GAP = "  "


def print_line(text: str = "") -> None:
    """Print one line to standard output."""
    sys.stdout.write(text + "\n")


def print_error(text: str) -> None:
    """Print one sentence to standard error, with the program's name in front."""
    sys.stderr.write(f"assistant: {text}\n")


def print_json(value: object) -> None:
    """Print one JSON value on one line and flush it, so that a reading program need not wait."""
    print_line(json.dumps(value, ensure_ascii=False))
    sys.stdout.flush()


class _Unbreakable:
    """A stream whose reader may be gone, or whose disk may be full."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, AttributeError):
            cast("TextIO", self._stream).write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            cast("TextIO", self._stream).flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def never_die_of_telling() -> None:
    """From now on, whatever cannot be printed is dropped."""
    sys.stdout = cast("TextIO", _Unbreakable(sys.stdout))
    sys.stderr = cast("TextIO", _Unbreakable(sys.stderr))


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = WIDTH
) -> None:
    """Print rows under heads in aligned columns, the widest texts cut to keep the width."""
    table = [[plain(cell) for cell in cells] for cells in (heads, *rows)]
    sizes = [max(map(columns, column)) for column in zip(*table, strict=True)]
    if width is not None:
        sizes = narrowed(sizes, width - len(_GAP) * (len(sizes) - 1))
    for cells in table:
        line = _GAP.join(fitted(cell, size) for cell, size in zip(cells, sizes, strict=True))
        print_line(line.rstrip())


def plain(text: str) -> str:
    """Text on one line and without control characters, which could manipulate a terminal."""
    return "".join(
        char for char in " ".join(text.split()) if unicodedata.category(char) not in ("Cc", "Cf")
    )


def columns(text: str) -> int:
    """How many terminal columns a text takes; a Chinese character takes two, an accent none."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def narrowed(sizes: Sequence[int], room: int) -> list[int]:
    """Column sizes that fit the room, taken from the widest first."""
    fitting = list(sizes)
    while sum(fitting) > room and max(fitting) > 1:
        fitting[fitting.index(max(fitting))] -= 1
    return fitting


def fitted(text: str, size: int) -> str:
    """Text padded, or cut with an ellipsis, to exactly this many columns."""
    if columns(text) > size:
        while columns(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (size - columns(text))
