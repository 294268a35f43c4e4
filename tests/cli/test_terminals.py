"""Terminals that cannot show every character."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.journal.store import Journal
from tests.cli.house import ROOT, TIMEOUT_S, House

ASCII = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}
TYPED = "where is my caf\u00e9 \N{GRINNING FACE} mug"


@pytest.fixture(scope="module")
def home(house: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a house with an exchange and a note."""
    path = tmp_path_factory.mktemp("home") / "journal.db"
    with Journal(path) as journal:
        journal.typed(TYPED)
    home = {"ATTUNE_JOURNAL__PATH": str(path), "ATTUNE_GENERATE__USER_NAME": "Zo\u00eb"}
    house.run("notes", "add", "door", "Zo\u00eb has the key", environment=home)
    return house.environment | home


def shown(environment: dict[str, str], *words: str) -> str:
    """What a command prints; not in isolation, which would not heed the environment."""
    done = subprocess.run(
        [Path(sys.executable).with_name("assistant"), *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="ascii",
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("terminal", ASCII)
@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("log list", "where is my caf? ? mug"),
        ("log show 1", "where is my caf? ? mug"),
        ("config show", '"Zo?'),
        ("notes", "Zo? has the key"),
        ("status", "learning"),
        ("--help", "review"),
    ],
)
def test_what_a_terminal_has_no_sign_for_is_a_question_mark(
    home: dict[str, str], terminal: str, command: str, text: str
) -> None:
    assert text in shown(home | ASCII[terminal], *command.split())


def test_programs_lose_no_character(home: dict[str, str]) -> None:
    line = shown(home | ASCII["ascii"], "log", "list", "--json")
    assert json.loads(line)["transcript"] == TYPED
