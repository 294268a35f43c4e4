"""Reports the service's state to systemd (sd_notify(3)), if systemd asked for it.

The protocol is a few words on a datagram socket; the packages for it are unmaintained or need
systemd's headers to build.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

SEND_S = 0.5
"""How long to wait for room for a message before it is dropped."""


class Notifier:
    """Sends messages to the service manager that started this process, if one did.

    Args:
        environ: where the manager says how to reach it.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET") or None
        self._watchdog_s = _watchdog_s(environ)

    @property
    def watchdog_s(self) -> float | None:
        """Seconds of silence after which the manager ends the process; ``None``: it does not."""
        return self._watchdog_s if self._address is not None else None

    def ready(self, status: str) -> None:
        """The service can be used."""
        self._send("READY=1", f"STATUS={_line(status)}")

    def reloading(self) -> None:
        """The settings are being read again; ``ready`` ends that."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service is stopping."""
        self._send("STOPPING=1", "STATUS=Ending")

    def status(self, status: str) -> None:
        """What the service is doing, in one line."""
        self._send(f"STATUS={_line(status)}")

    def alive(self) -> None:
        """The service is healthy."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # an abstract socket is written with an @ in place of its first byte, which is zero
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.settimeout(SEND_S)
            connection.connect(address)
            connection.sendall("\n".join(lines).encode())


_MONOTONIC = time.CLOCK_MONOTONIC


def _line(text: str) -> str:
    return " ".join(text.split())


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """What WATCHDOG_USEC says, if it is meant for this process."""
    pid, interval = environ.get("WATCHDOG_PID"), environ.get("WATCHDOG_USEC", "")
    if pid not in (None, str(os.getpid())) or not interval.isdecimal():
        return None
    return int(interval) / 1e6 or None
