from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.doctor import machine
from assistant.doctor.finding import Level
from assistant.doctor.subject import Daemon, Subject
from assistant.personalise.background.idle import Device

ROOT = Path(__file__).parents[2]
CALM = Device(load=0.1, free_mb=4_000, disk_mb=9_000, celsius=45.0)


def test_the_range_of_pythons_is_the_projects() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text)
    assert found is not None
    assert (3, int(found[1])) == machine.FIRST_PYTHON
    assert (3, int(found[2]) - 1) == machine.LAST_PYTHON
    assert machine.python(Subject()).level is Level.OK


def test_what_is_installed_here_meets_the_requirements() -> None:
    assert any(each.startswith("llama-cpp-python==") for each in machine.requirements())
    assert machine.packages(Subject()).level is Level.OK


def test_requirements_that_are_not_met_are_named() -> None:
    wanted = [
        "numpy>=2", "numpy>=900.1", "numpy == 1.0", "no-such-package>=1", "pytest >= 1.0.0",
        "no-such-package>=1; python_version < '3.11'", "no-such-package ; extra == 'dev'",
    ]  # fmt: skip
    assert list(machine.unmet(wanted)) == ["numpy>=900.1", "numpy==1.0", "no-such-package>=1"]


@pytest.mark.parametrize(
    ("free_mb", "level", "told"),
    [
        (9_000.4, Level.OK, "9000 MB are free."),
        (200.0, Level.OK, "200 MB are free."),
        (199.0, Level.WARN, "learning waits for 200 MB"),
        (19.0, Level.FAIL, "can no longer be saved"),
    ],
)
def test_room_on_the_disk(free_mb: float, level: Level, told: str) -> None:
    finding = machine.room(free_mb, 200)
    assert finding.level is level
    assert told in finding.text


@pytest.mark.parametrize(
    ("free_mb", "total_mb", "level"),
    [(2_000, 8_000, Level.OK), (1_499, 8_000, Level.WARN), (1_200, 1_400, Level.FAIL)],
)
def test_room_in_memory(free_mb: float, total_mb: float, level: Level) -> None:
    finding = machine.fit(free_mb, total_mb, 1_500)
    assert finding.level is level
    assert finding.figures["needed_mb"] == 1_500


def test_the_need_of_memory_is_that_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(3 << 20))
    (tmp_path / "llm.gguf").write_bytes(bytes(2 << 20))
    settings = Settings.model_validate(
        {"encode": {"path": tmp_path}, "generate": {"path": tmp_path / "llm.gguf"}}
    )
    assert machine.needed_mb(settings) == machine.WORKING_MB + 5
    missing = Settings.model_validate(
        {"encode": {"path": tmp_path / "no"}, "generate": {"path": tmp_path / "no.gguf"}}
    )
    assert machine.needed_mb(missing) == machine.WORKING_MB


def test_a_running_daemon_has_its_memory_already(tmp_path: Path) -> None:
    with (tmp_path / "huge.gguf").open("wb") as file:
        file.truncate(1 << 42)  # takes no room
    settings = Settings.model_validate({"generate": {"path": tmp_path / "huge.gguf"}})
    assert machine.memory(Subject(settings)).level is Level.FAIL
    assert machine.memory(Subject(settings, Daemon(running=True))).level is Level.OK


def test_warmth() -> None:
    assert machine.warmth(CALM, 70.0).text == "The hottest zone is at 45 °C."
    hot = machine.warmth(replace(CALM, celsius=81.2), 70.0)
    assert hot.level is Level.WARN
    assert "is at 81 °C; learning waits until it is at most 70" in hot.text
    assert machine.warmth(replace(CALM, celsius=None), 70.0).level is Level.OK


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    settings = Settings.model_validate({"journal": {"path": tmp_path / "new" / "journal.db"}})
    for check in (machine.disk, machine.memory, machine.temperature):
        assert check(Subject(settings)).text.endswith(".")
