"""What the commands print: JSON for programs, tables for people."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TextIO, cast

from rich.cells import cell_len, set_cell_size

WIDTH = 100
"""Maximum columns of a table, so that it fits an ordinary terminal."""

_GAP = "  "

_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys instead of showing it."""

_HALF = re.compile("[\ud800-\udfff]")
"""What is half a character, and cannot be written at all."""


def show_what_can_be_shown() -> None:
    """From now on, what a terminal has no sign for is a question mark, and no failure.

    A character that cannot be read from it is treated in the same way.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def print_line(text: str = "", *, aside: bool = False) -> None:
    """Print one line; what would command the terminal is left out.

    ``aside``: to standard error, because a program reads the output.
    """
    (sys.stderr if aside else sys.stdout).write(_harmless(text) + "\n")


def _harmless(text: str) -> str:
    return _HALF.sub("?", _COMMANDS.sub("", text))


def print_error(text: str) -> None:
    """Print one sentence to standard error, with the program's name in front."""
    sys.stderr.write(f"assistant: {_harmless(text)}\n")


def print_json(value: object) -> None:
    """Print one JSON value on one line and flush it, so that a reading program need not wait.

    No character is lost, whatever the encoding of standard output.
    """
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value)
    for pattern in (_COMMANDS, _HALF):
        text = pattern.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    print_line(text)
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
    sizes = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    if width is not None:
        sizes = narrowed([min(size, width) for size in sizes], width - len(_GAP) * (len(sizes) - 1))
    for cells in table:
        line = _GAP.join(fitted(cell, size) for cell, size in zip(cells, sizes, strict=True))
        print_line(line.rstrip())


def plain(text: str) -> str:
    """Text on one line and without control characters, which could manipulate a terminal."""
    return "".join(
        char for char in " ".join(text.split()) if unicodedata.category(char) not in ("Cc", "Cf")
    )


def narrowed(sizes: Sequence[int], room: int) -> list[int]:
    """Column sizes that fit the room, taken from the widest first."""
    fitting = list(sizes)
    while sum(fitting) > room and max(fitting) > 1:
        fitting[fitting.index(max(fitting))] -= 1
    return fitting


def fitted(text: str, size: int) -> str:
    """Text padded, or cut with an ellipsis, to exactly this many columns."""
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    cut = set_cell_size(text, size - 1)
    if not text.startswith(cut):  # half of a wide character became a space
        cut = cut[:-1]
    return set_cell_size(f"{cut}…", size)
