"""The last exchanges, as they stand in front of the next one.

An exchange is kept as the rows that were decoded for it, so that it is never written anew::

    | context line, user's words | header | reply | between | context line, user's words | ...

The oldest are dropped whole. What follows has to be decoded again afterwards, so that nothing is
left of them; a few more than wanted may stand there, so that this is not necessary after every
exchange.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias, cast

import numpy as np

from assistant.config import GenerateSettings
from assistant.generate.gguf import GGUFFile
from assistant.generate.native import Rows, Tokens

Pieces: TypeAlias = Sequence[Rows]
"""Rows that are decoded together, piece by piece; the first piece is tokens."""

SMALL = 200_000_000  # bytes


def remembered(settings: GenerateSettings, gguf: GGUFFile) -> int:
    """How many exchanges this model can make use of, unless the settings say it."""
    if settings.remember is not None:
        return settings.remember
    if gguf.reads_spoken:  # trained on single exchanges
        return 0
    return settings.tuned.remember_small if gguf.size < SMALL else settings.tuned.remember_large


class Conversation:
    """Exchanges, oldest first.

    Args:
        wanted: how many are kept, if there is room; up to half as many more may be there.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.between: Tokens = np.array([], np.int32)
        """From the end of a reply to the start of what the user says next."""
        self._exchanges: list[Pieces] = []

    def __len__(self) -> int:
        return len(self._exchanges)

    @property
    def pieces(self) -> list[Rows]:
        """All of it, without the end of the last reply's turn."""
        first, *others = self._exchanges or [()]
        return [*first, *chain.from_iterable(map(self._after, others))]

    def then(self, turn: Pieces) -> Pieces:
        """The pieces of a turn as they follow the conversation."""
        return self._after(turn) if self._exchanges else turn

    def add(self, exchange: Pieces, room: int) -> None:
        """Add an exchange, and drop the oldest if there are too many, or too many rows."""
        self._exchanges.append(exchange)
        if len(self) > self.wanted + self.wanted // 2 or self._rows() > room:
            del self._exchanges[: -self.wanted]
            while len(self) > 1 and self._rows() > room * 2 // 3:
                del self._exchanges[0]
            self.shorten(room)

    def shorten(self, room: int) -> None:
        """Drop the oldest exchanges until the others have at most so many rows."""
        while self._exchanges and self._rows() > room:
            del self._exchanges[0]

    def clear(self) -> None:
        """Begin a new conversation."""
        self._exchanges.clear()

    def _rows(self) -> int:
        return sum(map(len, self.pieces))

    def _after(self, turn: Pieces) -> Pieces:
        first, *rest = turn
        return [np.concatenate([self.between, cast("Tokens", first)]), *rest]
