"""The listening socket, which lets so many in at once and no more from one address.

They are counted here because asyncio tells of an encrypted connection only after its handshake.
"""

from __future__ import annotations

import ipaddress
import socket
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any


class Door(socket.socket):
    """Turns away who is one too many.

    Args:
        listening: the socket, which this one replaces.
        each: connections from one address, beside this machine's own.
        all_of_them: connections at once.
    """

    def __init__(self, listening: socket.socket, *, each: int, all_of_them: int) -> None:
        super().__init__(fileno=listening.detach())
        self._each = each
        self._all = all_of_them
        self._inside: Counter[str] = Counter()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection; ``BlockingIOError`` if it is turned away, as if there were none."""
        plain, address = super().accept()
        host = str(address[0])
        is_one_too_many = self._inside[host] >= self._each and not _is_own(host)
        if is_one_too_many or self._inside.total() >= self._all:
            plain.close()
            raise BlockingIOError
        self._inside[host] += 1
        return _Visitor(plain, lambda: self._leave(host)), address

    def _leave(self, host: str) -> None:
        self._inside[host] -= 1
        self._inside += Counter()  # forgets who is not there


class _Visitor(socket.socket):
    """A connection that tells when it ends."""

    def __init__(self, plain: socket.socket, leave: Callable[[], None]) -> None:
        super().__init__(fileno=plain.detach())
        self._leave = weakref.finalize(self, leave)

    def close(self) -> None:
        """As a socket's."""
        self._leave()
        super().close()


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
