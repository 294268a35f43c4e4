"""Where output goes: its loss is nobody's death, and nothing printed takes a terminal over."""

from __future__ import annotations

import csv
import json
import resource
from pathlib import Path

import pytest
from rich.cells import cell_len

from assistant.cli.shared.output import WIDTH
from assistant.journal.export import export
from assistant.journal.store import Journal
from tests.attacks.bounds import command
from tests.daemon.served import RUN, Service, ended

FULL = ("sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh")
CLOSED = ("sh", "-c", 'exec "$@" >&- 2>&-', "sh")


@pytest.mark.parametrize("where", [FULL, CLOSED], ids=["full", "closed"])
def test_a_daemon_that_nobody_can_read_goes_on(service: Service, where: tuple[str, ...]) -> None:
    with service.running([*where, *RUN]) as process:
        service.manager.told_until("READY=1")
        for text in ("one", "two"):
            assert service.answers(text)
        ended(process)


def test_a_daemon_whose_reader_leaves_goes_on(service: Service) -> None:
    with service.running([*RUN]) as process:
        service.manager.told_until("READY=1")
        assert process.stdout is not None
        process.stdout.close()
        for text in ("one", "two"):
            assert service.answers(text)
        process.terminate()
        assert process.wait(60) == 0


def test_a_long_text_is_shown_in_time_that_grows_with_its_length(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        for letter in ("a", "\u00e9", "e\u0301", "\u6f22"):
            journal.typed(f"{letter} " * 300_000)
    done = command(tmp_path, ["log", "list"])
    assert done.returncode == 0, done.stderr
    assert [line[-1:] for line in done.stdout.splitlines()[1:]] == [")"] * 4
    assert max(cell_len(line) for line in done.stdout.splitlines()) <= WIDTH


ESCAPES = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e"


def test_names_of_files_and_words_command_no_terminal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.typed(f"hello {ESCAPES}")
    wild = tmp_path / f"a{ESCAPES}\udcff.wav"
    wild.write_bytes(b"no sound")
    for words in (
        ["log", "list"],
        ["log", "show", "1"],
        ["log", "list", "--json"],
        ["transcribe", str(wild)],
        ["log", "import", str(wild)],
        ["backup", str(wild)],
        ["restore", str(wild)],
    ):
        done = command(tmp_path, words)
        told = done.stdout + done.stderr
        assert told
        assert "Traceback" not in told, told
        assert not set(told) & set(ESCAPES) - set("]0;owned[2J31m"), words


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_of_an_export_is_a_formula(tmp_path: Path, start: str) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.typed(f"{start}cmd|' /C calc'!A0")
        export(journal, journal.turns(), tmp_path / "out")
    with (tmp_path / "out" / "turns.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["transcript"].startswith("'")
    lines = (tmp_path / "out" / "turns.jsonl").read_text(encoding="utf-8")
    assert json.loads(lines)["transcript"].startswith(start)


def test_no_process_leaves_a_core_dump(service: Service) -> None:
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        limits = resource.prlimit(process.pid, resource.RLIMIT_CORE)
        ended(process)
    assert limits == (0, 0)
