"""Clients of the control socket, down to their bytes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from assistant.control.server import Server
from tests.control.knowing import Knowing
from tests.waiting import WAIT_S


@contextmanager
def serving(place: Path, knowing: Knowing | None = None, **limits: Any) -> Iterator[Server]:
    with Server(place, **limits) as server:
        server.serve(knowing or Knowing())
        yield server


@contextmanager
def connected(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(place))
        yield connection


def received(connection: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    found = bytearray()
    with suppress(ConnectionError):
        while block := connection.recv(1 << 16):
            found += block
    return bytes(found)


def answers(connection: socket.socket) -> list[dict[str, Any]]:
    """All lines until the server hangs up."""
    return [json.loads(line) for line in received(connection).splitlines()]


def sent(place: Path, data: bytes) -> list[dict[str, Any]]:
    """What the server answers to bytes and nothing after them."""
    with connected(place) as connection:
        with suppress(ConnectionError):  # it hangs up on nonsense without reading it to the end
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        return answers(connection)


def call(**changes: object) -> bytes:
    words = {"jsonrpc": "2.0", "id": 1, "method": "status"} | changes
    return json.dumps(words).encode() + b"\n"
