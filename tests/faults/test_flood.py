"""Clients that throw nonsense at the control socket while somebody talks with the service."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.spoken import spoken_form
from tests.faults.manager import QUESTION, Manager, ask, managed
from tests.sound import SoundServer

CLIENTS = 4

PER_SECOND = 500


def nonsense(rng: random.Random) -> bytes:
    """One line that a client should not send, or may well send."""
    number = rng.randint(0, 1 << 40)
    lines: tuple[bytes, ...] = (
        rng.randbytes(rng.randint(0, 200)).replace(b"\n", b" "),
        b'{"jsonrpc": "2.0", "id": %d, "method": "status"}' % number,
        b'{"jsonrpc": "2.0", "id": %d, "method": "log", "params": {"last": %d}}' % (number, number),
        b'{"jsonrpc": "2.0", "method": ["ask"], "id": null}',
        b"[" * rng.randint(1, 3_000),
        b'"' + b"\\u0000" * rng.randint(1, 100) + b'"',
        b'{"jsonrpc": "2.0", "id": 1, "method": "correct", "params": {"id": -1, "text": ""}}',
    )
    return rng.choice(lines) + b"\n"


def flood(service: Manager, seconds: float) -> int:
    """Send so much for so long; how many lines were sent."""
    sent = [0] * CLIENTS
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        rng = random.Random(number)
        connection: socket.socket | None = None
        due = time.monotonic()
        while time.monotonic() < until:
            due += CLIENTS / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if connection is None:
                    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    connection.settimeout(1)
                    connection.connect(str(service.client.path))
                connection.sendall(nonsense(rng))
                sent[number] += 1
                with suppress(BlockingIOError):
                    connection.recv(1 << 16, socket.MSG_DONTWAIT)
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=client, args=(each,)) for each in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_turns_go_on_under_a_flood_of_nonsense(
    seconds: int, sound_server: SoundServer, tmp_path: Path
) -> None:
    with managed(tmp_path / "house", sound_server.env) as service:
        service.microphone("listening")
        sent: list[int] = []
        flooding = threading.Thread(target=lambda: sent.append(flood(service, seconds)))
        flooding.start()
        exchanges = [ask(service, sound_server)]
        while flooding.is_alive():
            exchanges.append(ask(service, sound_server))
        flooding.join()
        exchanges.append(ask(service, sound_server))
        assert sent[0] > seconds * PER_SECOND / 4  # the machine may be busy
        assert all(spoken_form(each["transcript"]) == QUESTION for each in exchanges)
        assert all(each["reply"] for each in exchanges)
        assert service.statuses == []
