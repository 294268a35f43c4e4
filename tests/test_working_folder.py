"""Whatever lies in the folder in which somebody stands, Attune executes none of it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from assistant import child
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from tests.cli.house import ROOT, House, command
from tests.encode import tiny
from tests.journal.exchanges import STARTED_AT, utterance
from tests.sandbox import settings

PACKAGE = ROOT / "assistant"

LISTEN = "assistant.listen"

LIBRARIES = ("gguf", "llama_cpp", "numpy", "pip", "psutil", "pydantic", "sounddevice", "torch")

SCRIPTS = (*ROOT.glob("deploy/**/*.sh"), *ROOT.glob("systemd/**/*.service"))

UNISOLATED = re.compile(r'(python3?|\$python|\$name|\$1)"? -(?!I |-version)')
"""Python with some other option first, by the names that the scripts have for it."""


class Trap:
    """A folder full of modules that note when they are executed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "trap"
        self.marker = folder / "marker"
        self.folder.mkdir()
        for name in {*sys.stdlib_module_names, *LIBRARIES, "sitecustomize", "usercustomize"}:
            self._set(self.folder / f"{name}.py", name)
        for name in ("assistant", "tests"):
            (self.folder / name).mkdir()
            self._set(self.folder / name / "__init__.py", name)

    def _set(self, path: Path, name: str) -> None:
        path.write_text(f"with open({str(self.marker)!r}, 'a') as file: file.write('{name} ')\n")

    @property
    def sprung(self) -> list[str]:
        return self.marker.read_text().split() if self.marker.exists() else []


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap(tmp_path)
    yield trap
    assert trap.sprung == []


def test_the_trap_works(tmp_path: Path) -> None:
    trap = Trap(tmp_path)
    started = [sys.executable, "-m", LISTEN]
    subprocess.run(started, cwd=trap.folder, check=False, capture_output=True)
    assert trap.sprung


def test_the_command_itself(trap: Trap) -> None:
    script = Path(sys.executable).with_name("assistant")
    done = subprocess.run(
        [script, "config", "show"], cwd=trap.folder, check=True, capture_output=True, text=True
    )
    assert "listen.profile" in done.stdout


def test_the_checks(house: House, trap: Trap) -> None:
    done = house.run("doctor", "--json", cwd=trap.folder)
    assert len(json.loads(done.stdout)["findings"]) > 5


def test_models_that_are_tried_before_they_are_installed(
    house: House, trap: Trap, tmp_path: Path
) -> None:
    environment = {"ATTUNE_MODELS__FOLDER": str(tmp_path / "models")}
    encoder = tiny.write(tmp_path / "mine")
    done = house.run("models", "import", encoder, environment=environment, cwd=trap.folder)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "models").iterdir())


def test_the_ways_of_an_encoder(house: House, trap: Trap, tmp_path: Path) -> None:
    environment = {"ATTUNE_ENCODE__CACHE": str(tmp_path / "cache")}
    done = house.run("models", "tune", "--json", environment=environment, cwd=trap.folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ways"]


def test_the_microphone_of_a_service(house: House, trap: Trap, tmp_path: Path) -> None:
    environment = house.environment | {
        "ATTUNE_JOURNAL__PATH": str(tmp_path / "journal.db"),
        "ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock"),
    }
    with subprocess.Popen(
        command("run", "--service"),
        cwd=trap.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = iter(process.stdout.readline, "")
        assert any(line.startswith("There is no microphone") for line in told)
        process.terminate()


def test_a_training(house: House, trap: Trap, tmp_path: Path) -> None:
    database = tmp_path / "journal.db"
    with Journal(database) as journal:
        for number in range(20):
            moment = STARTED_AT + timedelta(minutes=number)
            said = utterance(0.3, seed=number, started_at=moment)
            journal.enrolled(said, "good morning", Taught.ENROLLED)
    environment = {
        "ATTUNE_JOURNAL__PATH": str(database),
        "ATTUNE_CONTROL__PATH": str(tmp_path / "control.sock"),
        "ATTUNE_BRIDGE__PATH": "",
        "ATTUNE_ROUTE": "auto",
        "ATTUNE_PERSONALISE__REPLAY": "0",
        "ATTUNE_PERSONALISE__CANARIES": "0",
        "ATTUNE_PERSONALISE__STEPS": "2",
    }
    done = house.run("retrain", environment=environment, cwd=trap.folder)
    assert "Training: 2 of 2" in done.stdout, done.stderr


def test_a_training_that_systemd_starts(trap: Trap) -> None:
    (line,) = settings(ROOT / "systemd" / "attune-trainer@.service")["ExecStart"]
    words = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(
        words,
        cwd=trap.folder,
        stdin=subprocess.DEVNULL,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (
        "assistant/personalise/background/trainer_service.py" in done.stderr
    )  # which found no socket


def test_children_are_isolated() -> None:
    assert child.command(LISTEN) == (sys.executable, "-I", "-m", LISTEN)


def command_lines(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every list and tuple that is written down, as source; many are no command lines."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.List | ast.Tuple):
                yield path, [ast.unparse(each) for each in node.elts]


def test_the_package_starts_python_in_one_place() -> None:
    found = {path.name for path, words in command_lines(PACKAGE) if "sys.executable" in words}
    assert found == {"child.py"}


@pytest.mark.parametrize("folder", ["bench", "models", "tests"])
def test_nobody_starts_the_package_otherwise(folder: str) -> None:
    """The modules of tests and benchmarks lie in the checkout; the package need not."""
    for path, words in command_lines(ROOT / folder):
        modules = [after for word, after in pairwise(words) if word == "'-m'"]
        assert not any(module.startswith("'assistant") for module in modules), path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_and_units_start_python_isolated(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if UNISOLATED.search(line)] == []
