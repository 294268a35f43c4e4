"""Where peers come: at an address, or at a socket that systemd holds open."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial

from wyoming.server import AsyncTcpServer, HandlerFactory

from assistant.config import WyomingSettings
from assistant.errors import ConfigError

FIRST_FD = 3
"""Where the first socket is that is handed over (sd_listen_fds(3))."""


class Listening(AsyncTcpServer):
    """A server where the settings say, or at systemd's socket if the process was started for one.

    Args:
        settings: where, and for whom.

    Raises:
        ConfigError: if what systemd hands over is nothing to be used.
    """

    def __init__(self, settings: WyomingSettings) -> None:
        super().__init__(settings.address, settings.port)
        self.told = settings  # as others have to be told
        self._handed = _handed_over()
        if self._handed is not None:
            self.host, self.port = self._handed.getsockname()[:2]
            self.told = settings.model_copy(update={"address": self.host, "port": self.port})

    async def start(self, handler_factory: HandlerFactory) -> None:
        """Have peers come."""
        if self._handed is None:
            await super().start(handler_factory)
        else:  # which the library knows nothing of
            attend = partial(self._handler_callback, handler_factory)
            self._server = await asyncio.start_server(attend, sock=self._handed)


def _handed_over() -> socket.socket | None:
    """The socket that systemd has handed to this process, if it has."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "")
    handed = socket.socket(fileno=FIRST_FD) if count == "1" else None
    if handed is None or handed.family not in (socket.AF_INET, socket.AF_INET6):
        raise ConfigError(
            "systemd should hand over one socket for TCP. Leave one ListenStream in "
            "attune-wyoming.socket, such as 127.0.0.1:10300."
        )
    return handed
