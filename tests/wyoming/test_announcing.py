"""Where Attune is, is told to the network, if the settings say so and somebody could come."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from assistant.config import WyomingSettings
from assistant.errors import DependencyError
from assistant.wyoming import announcing
from assistant.wyoming.announcing import SERVICE, Announcement
from tests.waiting import WAIT_S, until
from tests.wyoming.peers import Peer
from tests.wyoming.served import serving_wyoming

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the setting is made for
LO = "127.0.0.1"
NOWHERE = "255.255.255.255"
"""To which there is no way, as without a network."""

Seen = SimpleQueue[tuple[str, ServiceStateChange]]
"""Names that came and went."""


@contextmanager
def browsing() -> Iterator[tuple[Zeroconf, Seen]]:
    """What Home Assistant sees of the loopback."""
    seen: Seen = SimpleQueue()

    def note(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        del zeroconf, service_type
        seen.put((name, state_change))

    network = Zeroconf([LO])
    browser = ServiceBrowser(network, SERVICE, handlers=[note])
    try:
        yield network, seen
    finally:
        browser.cancel()
        network.close()


def described(port: int) -> str:
    async def ask() -> str:
        async with Peer(port) as peer:
            return (await peer.describe()).asr[0].name

    return asyncio.run(ask())


def told(seen: Seen, port: int, network: Zeroconf) -> tuple[str, list[str]]:
    """The name that comes with a port, and its addresses."""
    while True:
        name, change = seen.get(timeout=WAIT_S)
        if change is ServiceStateChange.Removed:
            continue
        info = network.get_service_info(SERVICE, name, timeout=round(WAIT_S * 1_000))
        assert info is not None
        if info.port == port:
            return name, info.parsed_addresses()


def gone(seen: Seen, name: str) -> None:
    while seen.get(timeout=WAIT_S) != (name, ServiceStateChange.Removed):
        pass


def test_who_looks_for_it_finds_it_until_it_ends(nowhere: Path, tmp_path: Path) -> None:
    with browsing() as (network, seen):
        with serving_wyoming(
            nowhere, tmp_path / "it", address=EVERYWHERE, announce=True, announcing__GROUP=LO
        ) as port:
            name, addresses = told(seen, port, network)
            assert name.startswith("attune-")
            assert addresses == [LO]
            assert described(port) == "attune"
        gone(seen, name)


@pytest.mark.parametrize(
    ("settings", "tells"),
    [
        ({"address": EVERYWHERE, "announce": True}, True),
        ({"address": EVERYWHERE}, False),  # it is off
        ({"announce": True}, False),  # nobody could come
    ],
)
def test_without_the_setting_or_anybody_to_come_nothing_is_told(
    settings: dict[str, Any], nowhere: Path, tmp_path: Path, *, tells: bool
) -> None:
    with serving_wyoming(nowhere, tmp_path / "it", announcing__GROUP=LO, **settings) as port:
        assert described(port) == "attune"  # and before it would have begun to tell
        assert bool(listening_for_questions(port)) == tells


def listening_for_questions(port: int) -> list[int]:
    """The UDP ports of whoever listens at a TCP port."""
    (process,) = (
        child
        for child in psutil.Process().children()
        if any(each.laddr.port == port for each in child.net_connections("tcp"))
    )
    return [each.laddr.port for each in process.net_connections("udp")]


def test_it_waits_for_a_network_and_comes_back_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(announcing, "LOOK_S", 0.01)
    monkeypatch.setattr(announcing, "GROUP", NOWHERE)
    settings = WyomingSettings.model_validate({"address": EVERYWHERE, "port": 10_301})
    errors: list[str] = []

    def meanwhile(network: Zeroconf, seen: Seen) -> None:
        until(lambda: errors.append(capsys.readouterr().err) or "".join(errors))
        time.sleep(0.2)  # and it tries again and again
        monkeypatch.setattr(announcing, "GROUP", LO)
        name, addresses = told(seen, 10_301, network)
        assert addresses == [LO]
        monkeypatch.setattr(announcing, "GROUP", NOWHERE)
        until(lambda: errors.append(capsys.readouterr().err) or "".join(errors).count("\n") > 1)
        monkeypatch.setattr(announcing, "GROUP", LO)
        gone(seen, name)
        told(seen, 10_301, network)

    async def run() -> None:
        keeping = asyncio.create_task(Announcement(settings).keep())
        with browsing() as (network, seen):
            await asyncio.to_thread(meanwhile, network, seen)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(run())
    lines = "".join(errors).splitlines()
    assert len(lines) == 2  # one for each time, however often it was tried
    assert all("by hand" in line for line in lines)


def test_without_the_library_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf.asyncio", None)
    with pytest.raises(DependencyError, match="pip install zeroconf"):
        Announcement(WyomingSettings.model_validate({}))
