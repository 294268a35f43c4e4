from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from assistant.control.client import Client
from assistant.control.messages import Status
from assistant.control.server import Server
from assistant.errors import ControlError
from tests.control.knowing import STATUS, Knowing


def test_clients_wait_while_the_daemon_gets_ready(place: Path) -> None:
    found: list[Status] = []
    with Server(place) as server:
        asking = threading.Thread(target=lambda: found.append(Client(place).status()))
        asking.start()
        assert Client(place).is_running()
        assert not found
        server.serve(Knowing())
        asking.join()
    assert found == [STATUS]


def test_a_daemon_that_does_not_answer_is_told(place: Path) -> None:
    with Server(place), pytest.raises(ControlError, match="is running, but does not answer"):
        Client(place, answer_s=0.05).status()


@pytest.mark.parametrize(
    ("ask", "params"),
    [
        (lambda client: client.log(20), {}),
        (lambda client: client.log(21, None), {"last": 21}),
        (lambda client: client.log(21, 7), {"last": 21, "before": 7}),
        (lambda client: client.promote(None), {"version": None}),
    ],
)
def test_only_what_is_unusual_is_sent_for_an_older_daemon_knows_no_more(
    ask: Callable[[Client], object], params: dict[str, object]
) -> None:
    sent: list[object] = []

    class Noting(Client):
        def call(self, method: str, **params: JsonValue) -> JsonValue:
            sent.append(params)
            return None if method == "promote" else []

    ask(Noting(Path("/none")))
    assert sent == [params]


def test_nobody_listens(place: Path) -> None:
    assert not Client(place).is_running()
    with pytest.raises(ControlError, match="Attune is not running"):
        Client(place).status()


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        (b"hello\n", Client.status),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {"pid": 1}}\n', Client.status),
        (b"{}\n", Client.status),
        (b'{"jsonrpc": "2.0", "id": 1, "result": [1]}\n', lambda client: client.log(1)),
        (b'{"jsonrpc": "2.0", "id": 1, "result": 5}\n', lambda client: client.rollback()),
        (
            b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Unknown."}}\n',
            lambda client: client.erase([1]),
        ),
    ],
)
def test_a_daemon_of_another_version_is_told(
    line: bytes, ask: Callable[[Client], object], place: Path
) -> None:
    place.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(place))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(line)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ControlError, match="another version"):
            ask(Client(place))
        thread.join()
