"""systemd may hold the door open: who comes first starts the server."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from tests.waiting import WAIT_S, until
from tests.web.served import free_port
from tests.wyoming.activation import activated
from tests.wyoming.peers import Peer


def described(port: int) -> str:
    async def ask() -> str:
        async with Peer(port) as peer:
            return (await peer.describe()).asr[0].name

    return asyncio.run(ask())


def test_who_comes_first_starts_it_and_is_answered(tmp_path: Path) -> None:
    port = free_port()
    # which is not where systemd listens
    elsewhere = {"ATTUNE_WYOMING__PORT": str(free_port())}
    with activated(tmp_path, f"127.0.0.1:{port}", **elsewhere) as process:
        assert (tmp_path / "out").read_text() == ""  # it has not been started
        assert [described(port) for _ in range(3)] == ["attune"] * 3
        assert f"at 127.0.0.1, port {port}.\nOnly this" in (tmp_path / "out").read_text()
    assert process.returncode == 0


def test_who_may_come_is_asked_there_too(tmp_path: Path) -> None:
    port = free_port()
    with (
        activated(tmp_path, f"0.0.0.0:{port}", ATTUNE_WYOMING__PEERS="192.168.1.20"),
        socket.create_connection(("127.0.0.1", port), WAIT_S) as connection,
    ):
        connection.sendall(b'{"type": "describe"}\n')
        try:
            answer = connection.recv(1)
        except ConnectionResetError:
            answer = b""
        assert answer == b""
        assert "Only this machine" not in (tmp_path / "out").read_text()


def test_what_is_no_door_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    with activated(tmp_path, str(path)), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        until(lambda: "Leave one ListenStream in" in (tmp_path / "err").read_text())


def test_two_doors_are_one_too_many(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    with activated(tmp_path, *(f"127.0.0.1:{port}" for port in ports)) as process:
        with socket.create_connection(("127.0.0.1", ports[1]), WAIT_S):
            assert process.wait(WAIT_S) != 0
        assert "Leave one ListenStream in" in (tmp_path / "err").read_text()
