from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.errors import ConfigError, JournalError
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.cli.test_log import assistant_log
from tests.journal.exchanges import exchange
from tests.personalise.lived_in import learn, talk

ROOT = Path(__file__).parents[2]

Run = Callable[..., list[str]]


@pytest.fixture
def run(path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a log command that must succeed and give the lines it prints."""

    def run(*words: object) -> list[str]:
        assert assistant_log(path, *map(str, words)) == 0
        return capsys.readouterr().out.splitlines()

    return run


RETRAINED = (
    "Attune learns again from what is left when it is idle, or now with 'assistant retrain'."
)
COPIES = "Exports and backups that you saved elsewhere are not erased."


def test_erasing_tells_what_went_and_what_follows(journal: Journal, run: Run) -> None:
    folder = BridgeFolder(journal.path.parent / "bridges")
    traces = [talk(journal, number) for number in (1, 2, 3)]
    first, _ = learn(journal, folder, [1], seed=1)
    _, weights = learn(journal, folder, [1, 2], seed=2)
    assert run("delete", 3, "--yes") == [
        "Erased: exchanges 1, learned bridges 0.", COPIES,
    ]  # fmt: skip
    assert run("delete", 2, 2, "--yes") == [
        "Erased: exchanges 1, learned bridges 1.",
        f"Bridge {first} is in use from now on.",
        RETRAINED,
        COPIES,
    ]
    told = run("delete", "--all", "--yes")
    assert told[1] == "The base bridge is in use from now on."
    assert [turn.id for turn in journal.turns()] == []
    assert [each.left_in(journal.path.parent) for each in (*traces, weights)] == [[]] * 4
    (line,) = run("delete", "--all", "--yes")
    assert line.startswith("Nothing has been said yet.")


def test_erasing_since_a_moment(journal: Journal, run: Run) -> None:
    exchange(journal)
    exchange(journal, started_at=datetime.now(timezone.utc) - timedelta(hours=2))
    exchange(journal, started_at=datetime.now(timezone.utc))
    assert run("delete", "--since", "1h", "--yes")[0].startswith("Erased: exchanges 1,")
    assert [turn.id for turn in journal.turns()] == [2, 1]
    (line,) = run("delete", "--since", "1h", "--yes")
    assert line.startswith("Nothing has been said since then.")


def test_one_unknown_exchange_keeps_all_from_being_erased(journal: Journal, path: Path) -> None:
    exchange(journal)
    with pytest.raises(JournalError, match=r"no exchange 7 in .*, so nothing was erased"):
        assistant_log(path, "delete", "1", "7", "9", "--yes")
    assert journal.count() == 1


@pytest.mark.parametrize("words", [(), ("1", "--all"), ("--since", "1h", "--all"), ("--yes",)])
def test_what_to_erase_must_be_said_in_one_way(
    journal: Journal, path: Path, words: tuple[str, ...]
) -> None:
    exchange(journal)
    with pytest.raises(
        ConfigError, match="Give either the numbers of exchanges, or --since WHEN, or"
    ):
        assistant_log(path, "delete", *words)
    assert journal.count() == 1


def test_without_a_terminal_nothing_is_erased_unasked(journal: Journal, path: Path) -> None:
    exchange(journal)
    with pytest.raises(ConfigError, match="Erasing cannot be undone: add --yes"):
        assistant_log(path, "delete", "1")
    assert journal.count() == 1


ERASER = """
import sys
from pathlib import Path
from tests.cli.test_log import assistant_log

for turn_id in sys.argv[2:]:
    print(assistant_log(Path(sys.argv[1]), "delete", turn_id), flush=True)
"""


def test_a_person_at_a_terminal_is_asked(journal: Journal, path: Path) -> None:
    answers = {1: "y", 2: "", 3: "n", 4: " Yes ", 5: "yellow", 6: "\x04"}
    for _ in answers:
        exchange(journal)
    person, terminal = pty.openpty()
    os.write(person, "\n".join(answers.values()).encode())
    done = subprocess.run(
        [sys.executable, "-c", ERASER, str(path), *map(str, answers)],
        cwd=ROOT, stdin=terminal, capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.close(terminal)
    os.close(person)
    question = "Erase 1 exchange and what was learned from it? This cannot be undone. [y/N] "
    erased, kept = (
        f"Erased: exchanges 1, learned bridges 0.\n{COPIES}\n0\n",
        "Nothing was erased.\n1\n",
    )
    outcomes = [erased, kept, kept, erased, kept, f"\n{kept}"]
    assert done.stdout == "".join(question + outcome for outcome in outcomes)
    assert (done.returncode, done.stderr) == (0, "")
    assert [turn.id for turn in journal.turns()] == [6, 5, 3, 2]
