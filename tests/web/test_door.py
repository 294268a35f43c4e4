"""So many are let in, and no more from one address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from assistant.web.door import Door
from tests.waiting import WAIT_S


@pytest.fixture
def door() -> Iterator[Door]:
    listening = socket.create_server(("0.0.0.0", 0))  # noqa: S104 - several addresses lead to it
    with closing(Door(listening, each=2, all_of_them=4)) as door:
        door.settimeout(WAIT_S)
        yield door


def knocks(door: Door, inside: ExitStack, at: str) -> socket.socket | None:
    """Who knocks, if they are let in."""
    inside.enter_context(socket.create_connection((at, door.getsockname()[1]), WAIT_S))
    try:
        return inside.enter_context(door.accept()[0])
    except BlockingIOError:
        return None


def another() -> str:
    """An address of this machine that is not its own alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_way:
        try:
            any_way.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine is in no network")
        return any_way.getsockname()[0]


def test_one_address_takes_no_more_than_its_share(door: Door) -> None:
    with ExitStack() as inside:
        first = knocks(door, inside, another())
        assert first is not None
        assert knocks(door, inside, another()) is not None
        assert knocks(door, inside, another()) is None
        assert knocks(door, inside, "127.0.0.1") is not None
        first.close()
        first.close()  # which counts once
        assert knocks(door, inside, another()) is not None
        assert knocks(door, inside, another()) is None


def test_this_machine_may_take_all_there_are(door: Door) -> None:
    with ExitStack() as inside:
        let_in = [knocks(door, inside, "127.0.0.1") for _ in range(6)]
        assert [each is not None for each in let_in] == [True] * 4 + [False] * 2
        assert let_in[0] is not None
        let_in[0].close()
        assert knocks(door, inside, "127.0.0.1") is not None
