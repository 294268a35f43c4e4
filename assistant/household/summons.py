"""The hook by which a call for help leaves the room: a program, or an address in the local network.

Without one Attune cannot reach anybody, and says so. Only the kind of emergency is passed on, never
what was said.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from assistant.config import HouseholdSettings

TIMEOUT_S = 10.0

AGAIN_S = 60.0
"""Time in which the same call is not made twice."""


@dataclass(slots=True)
class Summons:
    """Calls whoever helps."""

    settings: HouseholdSettings
    monotonic: Callable[[], float] = time.monotonic
    asked: Callable[[str], None] = lambda _: None  # told of every call, whether anybody is reached
    _called: float | None = None  # when it last succeeded

    @property
    def configured(self) -> bool:
        """Whether there is anybody to call."""
        return bool(self.settings.help_command or self.settings.help_webhook)

    @property
    def name(self) -> str:
        """Whom it calls."""
        return self.settings.help_name

    def call(self, reason: str) -> bool:
        """Pass a call for help on; whether that worked.

        Args:
            reason: such as "fallen"; the program finds it in ``ATTUNE_HELP``.
        """
        now = self.monotonic()
        if self._called is not None and now - self._called < AGAIN_S:
            return True
        done = [
            *([self._run(reason)] if self.settings.help_command else ()),
            *([self._post(reason)] if self.settings.help_webhook else ()),
        ]
        if any(done):
            self._called = now
        return any(done)

    def _run(self, reason: str) -> bool:
        try:
            ended = subprocess.run(
                self.settings.help_command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "ATTUNE_HELP": reason},
                check=False,
                timeout=TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return ended.returncode == 0

    def _post(self, reason: str) -> bool:
        address = self.settings.help_webhook or ""
        body = json.dumps({"help": reason}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            if not is_local(urlsplit(address).hostname or ""):
                return False
            # no proxy and no redirect: both could lead out of the house
            opener = build_opener(ProxyHandler({}), _Stay())
            request = Request(address, body, headers)  # noqa: S310 - the settings take only http
            with opener.open(request, timeout=TIMEOUT_S) as answer:
                return answer.status < 300
        except (OSError, HTTPException, ValueError):
            return False


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Never."""


def is_local(host: str) -> bool:
    """Whether a host is in the local network, by all of its addresses."""
    found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    return bool(found) and all(map(_is_private, found))


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    # ::ffff:8.8.8.8 is 8.8.8.8, though Python before 3.13 takes all of them for private
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_private
