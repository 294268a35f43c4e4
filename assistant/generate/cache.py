"""What llama.cpp holds of a prompt, so that only the rest of the next one is decoded.

A prompt is a list of pieces, each decoded on its own, so that what is computed does not depend on
when that happened. Hybrid models cannot forget the end of a sequence: they go back to the latest
snapshot before it, and decode again what came after.
"""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from assistant.generate.native import LlamaContext, Rows

_Key: TypeAlias = int | bytes
"""A token, or the digest of an embedding."""


class PromptCache:
    """The state of one context, and the rows it was computed from; used by one thread."""

    def __init__(self, context: LlamaContext) -> None:
        self._context = context
        self._keys: list[_Key] = []
        self._snapshots: dict[int, ctypes.Array[ctypes.c_uint8]] = {}  # by number of rows
        self.can_cut = True
        self.decoded = 0  # rows, since it was made

    @property
    def at(self) -> int:
        """How many rows it holds."""
        return len(self._keys)

    def find_out(self) -> None:
        """Find out whether this model can forget the end of a sequence; forgets everything."""
        self.can_cut = self._context.keep(1)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._context.clear()
        self._keys.clear()
        self._snapshots.clear()

    def holds(self, pieces: Sequence[Rows]) -> bool:
        """Whether it begins with all of these pieces."""
        return self.begun(pieces) == len(pieces)

    def begun(self, pieces: Sequence[Rows]) -> int:
        """With how many of the first of these pieces it begins."""
        at = 0
        for number, piece in enumerate(pieces):
            if self._keys[at : at + len(piece)] != _keys(piece):
                return number
            at += len(piece)
        return len(pieces)

    def resume(self, pieces: Sequence[Rows], *, anew: bool = False) -> list[Rows]:
        """Go back to where it holds nothing but the first of these pieces.

        Args:
            pieces: a prompt.
            anew: the last piece is decoded again in any case, for its logits.

        Returns:
            The rest of them, for ``append``.
        """
        kept = min(self.begun(pieces), len(pieces) - anew)
        self._go_back(sum(map(len, pieces[:kept])))
        rest: list[Rows] = []
        at, held = 0, self.at
        for piece in pieces:
            rest.append(piece[max(0, held - at) :])
            at += len(piece)
        return [piece for piece in rest if len(piece)]

    def append(self, pieces: Iterable[Rows], cancel: threading.Event | None = None) -> bool:
        """Decode pieces in order, the last row with logits; False if cancelled before the end.

        Raises:
            GenerationError: if they cannot be decoded; then nothing is held.
        """
        step = self._context.n_batch
        chunks = [
            piece[start : start + step] for piece in pieces for start in range(0, len(piece), step)
        ]
        for index, chunk in enumerate(chunks, start=1):
            if cancel is not None and cancel.is_set():
                return False
            try:
                self._context.decode(chunk, self.at, logits=index == len(chunks))
            except BaseException:
                self.clear()  # how much of the chunk it holds is not known
                raise
            self._keys += _keys(chunk)
            self.decoded += len(chunk)
        return True

    def save(self) -> None:
        """Make this a place to go back to; the first one and the latest are kept."""
        if self.at and not self.can_cut and self.at not in self._snapshots:
            for later in sorted(self._snapshots)[1:]:
                del self._snapshots[later]
            self._snapshots[self.at] = self._context.snapshot()

    def _go_back(self, at: int) -> None:
        """Forget what comes after so many rows, and more if it must."""
        if at < self.at and not (at and self.can_cut and self._context.keep(at)):
            at = max((each for each in self._snapshots if each <= at), default=0)
            if at:
                self._context.restore(self._snapshots[at])
            else:
                self._context.clear()
        del self._keys[at:]
        for later in [each for each in self._snapshots if each > at]:
            del self._snapshots[later]


def _keys(rows: Rows) -> list[_Key]:
    """What tells rows apart."""
    if rows.ndim == 1:
        return rows.tolist()
    return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows]
