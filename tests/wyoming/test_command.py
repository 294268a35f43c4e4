"""The command: what it tells, how it ends, and what it does without."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.house import ROOT, command
from tests.sound import silent_environment
from tests.waiting import WAIT_S
from tests.web.served import free_port
from tests.wyoming.peers import Peer

MODELS = {"ctranslate2", "llama_cpp", "onnxruntime", "tokenizers", "torch", "transformers"}


def started(folder: Path, port: int, **settings: str) -> subprocess.Popen[str]:
    more = {
        "ATTUNE_WYOMING__PORT": str(port),
        "ATTUNE_CONTROL__PATH": str(folder / "none.sock"),
        **settings,
    }
    return subprocess.Popen(
        command("wyoming"),
        cwd=ROOT,
        env=silent_environment(folder) | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_tells_where_it_is_found_and_ends_quietly(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        assert told[0] == f"Home Assistant finds Attune at 127.0.0.1, port {port}.\n"
        assert told[2] == "Ctrl-C ends it.\n"
        with socket.create_connection(("127.0.0.1", port), WAIT_S):
            process.send_signal(signal.SIGINT)  # somebody is connected
            assert process.communicate(timeout=WAIT_S) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("url", ["", "http://localhost:8123"])
def test_that_it_controls_the_home_is_told_where_one_is_set(url: str, tmp_path: Path) -> None:
    async def controls(port: int) -> bool:
        async with Peer(port) as peer:
            return (await peer.describe()).handle[0].supports_home_control

    port = free_port()
    with started(tmp_path, port, ATTUNE_HOME__URL=url) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            assert asyncio.run(controls(port)) == bool(url)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=WAIT_S)


def test_it_tells_where_its_satellite_is_and_which_port_is_taken(tmp_path: Path) -> None:
    port, satellite = free_port(), free_port()
    told = {
        "ATTUNE_WYOMING__SATELLITE": "true",
        "ATTUNE_WYOMING__SATELLITE_PORT": str(satellite),
    }
    with started(tmp_path, port, **told) as process:
        assert process.stdout is not None
        told_first = [process.stdout.readline() for _ in range(2)]
        assert told_first[1].endswith(f"connected to port {satellite}.\n")
        with started(tmp_path, free_port(), **told) as another:
            _, errors = another.communicate(timeout=WAIT_S)
        assert "Set wyoming.address and wyoming.satellite_port to something else" in errors
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started(tmp_path, port) as process:
            _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert errors == (
        f"assistant: Cannot listen at 127.0.0.1, port {port}: Address already in use. Set "
        "wyoming.address and wyoming.port to something else, or stop what uses it.\n"
    )


def test_a_peer_that_is_no_address_is_told_in_a_sentence(tmp_path: Path) -> None:
    with started(tmp_path, free_port(), ATTUNE_WYOMING__PEERS="my-server") as process:
        _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "it should be an address or a network" in errors


def test_its_process_holds_no_model(tmp_path: Path) -> None:
    program = "import sys, assistant.wyoming.server as _; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=silent_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "wyoming.server" in loaded
    assert loaded.isdisjoint(MODELS)
