from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.server import Server
from tests.cli.house import ROOT, House, command
from tests.sound import SoundServer


@pytest.fixture
def environment(house: House, sound_server: SoundServer, tmp_path: Path) -> dict[str, str]:
    return (
        sound_server.env
        | house.with_own_ears.settings
        | {
            "ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock"),
            "ATTUNE_JOURNAL__PATH": str(tmp_path / "journal.db"),
        }
    )


def test_a_second_daemon_is_refused_before_it_loads_its_models(
    house: House, environment: dict[str, str], tmp_path: Path
) -> None:
    with Server(tmp_path / "control.sock"):
        done = house.run("run", environment=environment | {"ATTUNE_GENERATE__PATH": "/none.gguf"})
    assert done.returncode == 1
    assert done.stderr.startswith("assistant: Attune is already running")


@pytest.mark.parametrize(("words", "state"), [((), "waiting"), (("--no-learn",), "off")])
def test_a_daemon_learns_unless_it_is_told_not_to(
    words: tuple[str, ...], state: str, environment: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        command("run", *words), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("Listening") for line in process.stdout)
        status = Client(tmp_path / "control.sock").status()
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert (status.state, status.pid) == (state, process.pid)
    assert process.returncode == 0
    assert not Client(tmp_path / "control.sock").is_running()
