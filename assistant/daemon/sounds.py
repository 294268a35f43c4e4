"""Sounds that other programs send in pieces, to be heard here."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from assistant.control.messages import MAX_PLAYED_S
from assistant.errors import AudioFileError
from assistant.speak.speech import Speech

AT_ONCE = 2
"""Most that may be on their way."""

IDLE_S = 10.0
"""Time without another piece after which one is given up."""


@dataclass(slots=True)
class _Sound:
    rate: int
    samples: bytearray = field(default_factory=bytearray)
    count: int = 0
    at: float = field(default_factory=time.monotonic)  # when the last piece came


class Sounds:
    """Those that are on their way, by what their clients call them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._all: dict[str, _Sound] = {}

    def take(self, session: str, rate: int, piece: bytes, place: int) -> Speech | None:
        """A piece, mono, 16 bits, little-endian; the whole if it is the empty one at the end.

        Raises:
            AudioFileError: if a piece before it is missing, or too many are on their way.
        """
        with self._guard:
            now = time.monotonic()
            self._all = {n: each for n, each in self._all.items() if now - each.at < IDLE_S}
            if place == 0 and session not in self._all:
                if len(self._all) >= AT_ONCE:
                    raise AudioFileError("Too many sounds come at once. Try again in a moment.")
                self._all[session] = _Sound(rate)
            found = self._all.get(session)
            if found is None or place != found.count or len(piece) % 2:
                self._all.pop(session, None)
                raise AudioFileError("The sound did not come as a whole. Send it again.")
            if piece:
                found.count, found.at = found.count + 1, now
                most = round(MAX_PLAYED_S * found.rate) * 2
                found.samples += piece[: max(0, most - len(found.samples))]
                return None
            del self._all[session]
        return Speech(np.frombuffer(bytes(found.samples), "<i2").astype(np.int16), found.rate)

    def clear(self) -> None:
        """The runtime is being closed."""
        with self._guard:
            self._all.clear()
