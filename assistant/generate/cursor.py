"""Stepping through a GGUF's header without ever reading past its end."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import GGUFError

Scalar = int | float | bool | str
"""A metadata value, or one of a list of them."""

MAX_NAME = 255  # bytes in a key or a tensor's name; real ones need a quarter of this

U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")


def damaged(path: Path, what: str) -> GGUFError:
    """The error for a file with this defect."""
    return GGUFError(f"{path} is not a usable GGUF file: {what}. Download it again.")


class Cursor:
    """A position in a file; every step is checked against the end of the file first.

    Every method raises ``GGUFError`` if the file does not hold what it claims.
    """

    def __init__(self, view: memoryview, path: Path) -> None:
        self.view = view
        self.path = path
        self.end = len(view)
        self.at = 0

    def skip(self, size: int) -> int:
        """Skip ``size`` bytes and return where they began."""
        start = self.at
        if size > self.end - start:
            raise damaged(self.path, f"it ends inside its header, after {self.end} bytes")
        self.at = start + size
        return start

    def u32(self) -> int:
        """The next 32-bit number."""
        return U32.unpack_from(self.view, self.skip(4))[0]

    def u64(self) -> int:
        """The next 64-bit number."""
        return U64.unpack_from(self.view, self.skip(8))[0]

    def count(self, at_least: int, what: str) -> int:
        """A number of items that each take at least so many bytes."""
        number = self.u64()
        if number > (self.end - self.at) // at_least:
            raise damaged(self.path, f"it claims {number} {what}, more than it has room for")
        return number

    def name(self, what: str) -> str:
        """The name of a key or a tensor."""
        size = self.u64()
        if size > MAX_NAME:
            raise damaged(self.path, f"it has {what} of {size} bytes")
        start = self.skip(size)
        name = bytes(self.view[start : start + size]).decode("utf-8", "replace")
        if not name.isprintable():
            raise damaged(self.path, f"it has {what} with control characters")
        return name

    def strings(self, number: int) -> NDArray[np.int64]:
        """Skip so many strings; where each begins, shape (number + 1,)."""
        view, at, end, unpack = self.view, self.at, self.end, U64.unpack_from
        starts = np.empty(number + 1, np.int64)
        for index in range(number):
            starts[index] = at
            if end - at < 8 or unpack(view, at)[0] > end - at - 8:
                raise damaged(self.path, f"it ends inside its header, after {end} bytes")
            at += 8 + unpack(view, at)[0]
        starts[number] = self.at = at
        return starts
