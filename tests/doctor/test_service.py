from __future__ import annotations

from pathlib import Path

import pytest

from assistant.cli.doctor import daemon
from assistant.config import Settings
from assistant.control.messages import MicrophoneState
from assistant.control.server import Server
from assistant.doctor import service
from assistant.doctor.finding import Finding, Level
from assistant.doctor.subject import Daemon
from tests.control.knowing import STATUS, Knowing

ACTIVE = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "Result": "success",
}
LOG, CONTROL = "journalctl -u attune", "sudo systemctl"


@pytest.mark.parametrize(
    ("changes", "level", "told"),
    [
        ({}, Level.OK, "It is active"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, Level.OK, "Not installed."),
        (
            {"ActiveState": "failed", "SubState": "failed", "Result": "watchdog", "NRestarts": "5"},
            Level.FAIL,
            "It failed (watchdog, 5 restarts). 'journalctl -u attune -n 50' says why",
        ),
        (
            {"ActiveState": "inactive", "SubState": "dead"},
            Level.WARN,
            "Start it with 'sudo systemctl start attune'",
        ),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, Level.WARN, "(auto-restart)"),
        ({"NRestarts": "3"}, Level.WARN, "was restarted 3 times"),
        ({"UnitFileState": "disabled"}, Level.WARN, "Run: sudo systemctl enable attune"),
        ({"NRestarts": ""}, Level.OK, "It is active"),
    ],
)
def test_the_state_of_a_unit_is_told(changes: dict[str, str], level: Level, told: str) -> None:
    finding = service.unit(ACTIVE | changes, LOG, CONTROL)
    assert finding.level is level
    assert told in finding.text


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Finding:
    """What is told where 'systemctl' is this script."""
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return service.state("systemctl --user", LOG, CONTROL, folder)


def test_systemd_is_asked_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = "\n".join(f"{name}={value}" for name, value in (ACTIVE | {"NRestarts": "2"}).items())
    script = f"echo \"$@\" > {tmp_path}/asked\ncat <<'END'\n{answer}\nEND"
    finding = asked(tmp_path, monkeypatch, script)
    assert finding.figures == {"state": "active (running)", "restarts": 2}
    words = (tmp_path / "asked").read_text(encoding="utf-8")
    assert words.startswith("--user show attune.service --property=LoadState,")
    no_bus = asked(tmp_path, monkeypatch, "echo 'Failed to connect to bus' >&2; exit 1")
    assert no_bus == Finding(Level.OK, "This login has no systemd to ask.")
    nowhere = service.state("systemctl", LOG, CONTROL, tmp_path / "nowhere")
    assert nowhere == Finding(Level.OK, "systemd is not running here.")


@pytest.mark.parametrize(
    ("state", "level", "told"),
    [
        (Daemon(), Level.WARN, "Start it with 'assistant run'"),
        (Daemon(trouble="It is silent."), Level.FAIL, "It is silent."),
        (Daemon(running=True, pid=77), Level.OK, "It is running (process 77) and answers."),
        (
            Daemon(running=True, pid=77, microphone="absent", warnings=2, failures=3),
            Level.WARN,
            "but its microphone is missing and it reports 2 problems and 3 trainings in a row",
        ),
        (Daemon(running=True, pid=77, microphone="muted"), Level.OK, "answers."),
    ],
)
def test_the_life_of_the_daemon_is_told(state: Daemon, level: Level, told: str) -> None:
    finding = service.life(state)
    assert finding.level is level
    assert told in finding.text


def test_the_running_daemon_is_asked(tmp_path: Path) -> None:
    place = tmp_path / "control.sock"
    settings = Settings.model_validate({"control": {"path": place}})
    assert daemon(settings) == Daemon()
    ears = MicrophoneState(state="listening", level_dbfs=-40.0)
    status = STATUS.model_copy(update={"microphone": ears, "turns": 3, "warnings": ("full",)})
    with Server(place) as server:
        server.serve(Knowing(status))
        assert daemon(settings) == Daemon(
            running=True, pid=7, turns=3, warnings=1, microphone="listening", level_dbfs=-40.0
        )
    unusable = Settings.model_validate({"control": {"path": tmp_path / ("x" * 200)}})
    assert "too long for a socket" in (daemon(unusable).trouble or "")
