"""What one peer may cost: who may come, how many at once, how much they send, and how slowly."""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network

from assistant.config import WyomingSettings

EACH = 16
"""Connections from one address."""

ALL = 32
"""Connections at once."""

PIECE = 1 << 18
"""Longest part of an event in bytes, such as a piece of sound; its first line has 64 kB."""

IDLE_S = 60.0
"""Time in which another event has to begin, while nothing is being done for the peer."""

EVENT_S = 10.0
"""Time for the rest of an event's first line, and for each part behind it."""

WRITE_S = 10.0
"""Time in which a peer has to receive one event."""


class Guests:
    """Who is connected, and who else may be.

    Args:
        settings: who may come.
    """

    def __init__(self, settings: WyomingSettings) -> None:
        self._networks = [ip_network(each) for each in settings.peers]
        self._there: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Another connection from an address; returns whether it may stay."""
        is_full = self._there[address] >= EACH or self._there.total() >= ALL
        if is_full or not self._may(address):
            return False
        self._there[address] += 1
        return True

    def leave(self, address: str) -> None:
        """A connection from there has ended."""
        self._there[address] -= 1
        self._there += Counter()  # forgets those of whom none is left

    def _may(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if not self._networks:
            return found.is_private or found.is_loopback or found.is_link_local
        return any(found in network for network in self._networks)


class BoundedReader:
    """Reads as an ``asyncio.StreamReader`` does, within limits of size and time."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        """The next line; empty at the end.

        Raises:
            ValueError: if it is too long.
            asyncio.TimeoutError: if it is late.
        """
        first = await asyncio.wait_for(self._reader.read(1), IDLE_S)
        if first in (b"", b"\n"):
            return first
        return first + await asyncio.wait_for(self._reader.readline(), EVENT_S)

    async def readexactly(self, n: int) -> bytes:
        """So many bytes; raises as ``readline``, and ``EOFError`` if fewer come."""
        if n > PIECE:
            raise ValueError(f"a part of {n} bytes")
        return await asyncio.wait_for(self._reader.readexactly(n), EVENT_S)

    def feed_eof(self) -> None:
        """Nothing more is wanted."""
        self._reader.feed_eof()
