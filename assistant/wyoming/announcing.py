"""Tells the home's network where Attune is, so that Home Assistant finds it (DNS-SD, RFC 6763)."""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid
from importlib import import_module
from typing import Any

from assistant.config import WyomingSettings
from assistant.errors import DependencyError

SERVICE = "_wyoming._tcp.local."
"""What Home Assistant looks for."""

GROUP = "224.0.0.251"
"""Where it is told (RFC 6762)."""

LOOK_S = 60.0
"""How often it is looked whether the machine has another address by now."""


class Announcement:
    """Attune's name, address and port, for whoever asks in the same network.

    Args:
        told: where it is reached.

    Raises:
        DependencyError: if the library for it is not installed.
    """

    def __init__(self, told: WyomingSettings) -> None:
        self._told = told
        self._library = _library()
        # of its own in a home with several devices, and the same after each start
        self._name = f"attune-{uuid.getnode():012x}.{SERVICE}"
        self._why: str | None = None  # it could not be told the last time

    async def keep(self) -> None:
        """Tell it, wherever the machine is in the network, until this is cancelled."""
        teller: Any = None
        place: str | None = None
        try:
            while True:
                try:
                    if (here := _own_address(self._told.address)) != place:
                        if teller is not None:
                            await teller.async_close()
                        teller = self._library.asyncio.AsyncZeroconf([here])
                        await self._tell(teller, here)
                        place, self._why = here, None
                except (OSError, self._library.Error) as error:
                    place = None  # tell it anew when there is a network again
                    self._note(str(error))
                await asyncio.sleep(LOOK_S)
        finally:
            if teller is not None:
                await teller.async_close()  # says that it is gone

    async def _tell(self, teller: Any, here: str) -> None:
        info = self._library.asyncio.AsyncServiceInfo(
            SERVICE, self._name, port=self._told.port, parsed_addresses=[here]
        )
        await (await teller.async_register_service(info))

    def _note(self, why: str) -> None:
        if why != self._why:
            self._why = why
            sys.stderr.write(
                f"Attune cannot tell the network where it is ({why}). Give Home Assistant its "
                "address by hand.\n"
            )


def _own_address(address: str) -> str:
    """This machine's IPv4 address in the network, unless the settings name one.

    Raises:
        OSError: if it has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        if address not in ("0.0.0.0", "::"):  # noqa: S104 - nothing is bound to it here
            route.bind((address, 0))
        route.connect((GROUP, 1))  # sends nothing
        return str(route.getsockname()[0])


def _library() -> Any:
    """What speaks multicast DNS; ``DependencyError`` if it is not installed."""
    try:
        import_module("zeroconf.asyncio")  # by name, because it is optional
        return import_module("zeroconf")
    except ImportError:
        raise DependencyError(
            "To announce Attune in the network, the package zeroconf is needed. Run: "
            f"{sys.executable} -m pip install zeroconf, or the installer again; or remove "
            "wyoming.announce from the settings."
        ) from None
