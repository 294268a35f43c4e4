"""Commands of a person whose Attune is a service with files of its own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assistant.cli.bridge import commands as bridge
from assistant.cli.bridge.record import entry_of
from assistant.cli.log import commands as log
from assistant.cli.shared.ownership import is_anothers
from assistant.cli.shared.past_exchanges import turn_of
from assistant.config import load
from assistant.control.messages import MAX_LOG
from assistant.control.server import Server
from assistant.errors import BridgeError, CheckpointError, ControlError, JournalError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, entries
from tests.bridge.tables import checkpoint
from tests.control.knowing import Knowing
from tests.journal.exchanges import STARTED_AT, exchange
from tests.person import ordinary_person

Ask = Callable[..., list[str]]
"""Run a command that must succeed, as an ordinary person, and give the lines it prints."""


@pytest.fixture
def knowing(service: Path) -> Iterator[Knowing]:
    knowing = Knowing()
    with Server(service / "control.sock") as server:
        (service / "control.sock").chmod(0o777)  # as for one of its group
        server.serve(knowing)
        yield knowing


@pytest.fixture
def ask(service: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(nouns: ModuleType, *words: str) -> list[str]:
        parser = argparse.ArgumentParser()
        nouns.register(parser.add_subparsers())
        args = parser.parse_args(words)
        flags = {
            "journal.path": service / "journal.db",
            "control.path": service / "control.sock",
            "bridge.path": "",
        }
        loaded = load(flags, environ={}, files=())
        with ordinary_person():
            assert args.run(args, loaded.settings, loaded) == 0
        return capsys.readouterr().out.splitlines()

    return ask


@pytest.fixture
def records(journal: Journal) -> list[dict[str, Any]]:
    """Of two exchanges, newest first."""
    exchange(journal)
    exchange(
        journal, "where is my scarf", "On the chair.", started_at=STARTED_AT + timedelta(days=1)
    )
    return [turn.record() for turn in journal.turns()]


def bridges(journal: Journal, folder: BridgeFolder) -> list[dict[str, Any]]:
    """Records of the base bridge, an accepted one that answers, and a rejected one."""
    lineage = Lineage(journal)
    for seed, accepted in ((1, True), (2, False)):
        version = folder.add(checkpoint(seed=seed))
        number = lineage.trained(version, "letters", "base", [], [])
        lineage.judged(number, {"why": "so", "after_rouge1": 0.7}, accepted=accepted)
        if accepted:
            folder.promote(version)
    base = folder.folder.parent / "base.safetensors"
    checkpoint(seed=100, accepted=True).write(base)
    return [each.as_json() for each in entries(base, folder, lineage, folder.current or BASE)]


def test_exchanges_are_told_by_the_daemon(
    ask: Ask, knowing: Knowing, records: list[dict[str, Any]]
) -> None:
    knowing.records = records
    head, *lines = ask(log, "log", "list")
    assert head.startswith("ID")
    assert [line.split()[0] for line in lines] == ["2", "1"]
    assert [json.loads(line) for line in ask(log, "log", "list", "--json", "--limit", "1")] == [
        records[0]
    ]
    assert len(ask(log, "log", "list", "--since", "2026-03-02")) == 2
    assert json.loads(ask(log, "log", "show", "1", "--json")[0]) == records[1]
    assert knowing.done == [("log", 20), ("log", 1), ("log", MAX_LOG), ("log", MAX_LOG)]


def test_exchanges_are_taught_by_the_daemon(
    ask: Ask, knowing: Knowing, records: list[dict[str, Any]]
) -> None:
    knowing.records = [{**records[0], "correction": "where is my scarf"}, records[1]]
    first, second = ask(log, "log", "correct", "2", "where", "is", "my", "scarf")
    assert first == "Exchange 2 says: where is my scarf"
    assert second.startswith("Attune learns from it")
    assert ask(log, "log", "confirm", "2") == [first, second]
    taught = [what for what in knowing.done if what[0] != "log"]
    assert taught == [("correct", 2, "where is my scarf"), ("confirm", 2)]


def test_an_exchange_that_the_daemon_does_not_tell_is_not_taught(
    ask: Ask, knowing: Knowing
) -> None:
    with pytest.raises(ControlError, match=f"Exchange 7 is not among the last {MAX_LOG}"):
        ask(log, "log", "correct", "7", "x")
    assert knowing.done == [("log", MAX_LOG)]
    assert ask(log, "log", "list")[0].startswith("Nothing has been said yet.")


def test_bridges_are_told_and_chosen_by_the_daemon(
    ask: Ask, knowing: Knowing, journal: Journal, tmp_path: Path
) -> None:
    knowing.found = bridges(journal, BridgeFolder(tmp_path / "bridges"))
    rejected, accepted, base = knowing.found
    assert [json.loads(line) for line in ask(bridge, "bridge", "list", "--json")] == knowing.found
    listed = ask(bridge, "bridge", "list")
    assert [line.split()[0] for line in listed[1:4]] == [
        rejected["version"], "*", base["version"]
    ]  # fmt: skip
    version = accepted["version"]
    assert ask(bridge, "bridge", "promote", version[:6]) == [
        f"Bridge {version} is in use from the next turn on."
    ]
    assert ask(bridge, "bridge", "rollback") == [
        "The base bridge is in use again from the next turn on."
    ]
    knowing.before = version
    assert ask(bridge, "bridge", "rollback") == [
        f"Bridge {version} is in use again from the next turn on."
    ]
    told = [what for what in knowing.done if what != ("bridges",)]
    assert told == [("promote", version), ("rollback",), ("rollback",)]
    with pytest.raises(BridgeError, match=f"The gate rejected bridge {rejected['version']}: so"):
        ask(bridge, "bridge", "promote", rejected["version"])
    with pytest.raises(BridgeError, match="The base bridge is used when no learned one is"):
        ask(bridge, "bridge", "promote", BASE)
    with pytest.raises(CheckpointError, match="There is no bridge 'ffff'"):
        ask(bridge, "bridge", "promote", "ffff")
    with pytest.raises(ControlError, match="use a bridge with --force"):
        ask(bridge, "bridge", "promote", rejected["version"], "--force")


def test_without_a_daemon_the_journal_is_missed(ask: Ask) -> None:
    with pytest.raises(JournalError, match="Give yourself write permission"):
        ask(log, "log", "list")


def test_whose_file_it_is(service: Path, tmp_path: Path) -> None:
    with ordinary_person():
        assert is_anothers(service / "journal.db")
        assert not is_anothers(service / "new.db")
        assert not is_anothers(service / "journal.db" / "below.db")
        (service / "own.db").touch(0o600)
        assert not is_anothers(service / "own.db")
        (service / "read.db").touch(0o400)
        assert is_anothers(service / "read.db")
        service.chmod(0o500)  # SQLite needs room beside the file
        assert is_anothers(service / "own.db")
        service.chmod(0o000)
        assert is_anothers(service / "own.db")
        service.chmod(0o700)
    assert not is_anothers(tmp_path / "journal.db")


@pytest.mark.parametrize("read", [turn_of, entry_of])
@pytest.mark.parametrize("record", [{}, {"id": 1}, {"transcript": 1, "timings_ms": {}}])
def test_records_of_another_version_are_told(read: Any, record: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="another version"):
        read(record)
