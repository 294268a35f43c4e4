"""Commands of a person whose Attune is a service with files of its own."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile

from assistant.cli.bridge import commands as bridge
from assistant.cli.bridge.record import entry_of
from assistant.cli.log import commands as log
from assistant.cli.shared.ownership import is_anothers
from assistant.cli.shared.past_exchanges import turn_of
from assistant.config import load
from assistant.control.messages import MAX_ERASED, MAX_LOG
from assistant.control.server import Server
from assistant.errors import BridgeError, CheckpointError, ControlError, JournalError
from assistant.journal import flac
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, entries
from tests.bridge.tables import checkpoint
from tests.cli.callers import Caller, Machine
from tests.control.knowing import Knowing
from tests.journal.exchanges import STARTED_AT, exchange, utterance
from tests.person import NOBODY, ordinary_home, ordinary_person

MEMBER = Caller(NOBODY, os.getegid()) if os.geteuid() == 0 else None

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
    assert knowing.done == [("log", 21), ("log", 2), ("log", 21), ("log", 1, 2)]


def test_every_exchange_is_told_however_many_there_are(
    ask: Ask, knowing: Knowing, records: list[dict[str, Any]]
) -> None:
    many = 2 * MAX_LOG + 1
    knowing.records = [records[0] | {"id": number} for number in range(many, 0, -1)]
    told = ask(log, "log", "list", "--json", "--limit", str(many + 1))
    assert [json.loads(line)["id"] for line in told] == list(range(many, 0, -1))
    knowing.done.clear()
    assert len(ask(log, "log", "list", "--json", "--limit", str(MAX_LOG + 1))) == MAX_LOG + 1


def test_exchanges_are_erased_by_the_daemon(
    ask: Ask, knowing: Knowing, records: list[dict[str, Any]]
) -> None:
    many = MAX_ERASED + 3
    knowing.records = [records[0] | {"id": number} for number in range(many, 0, -1)]
    knowing.lost = {"recordings": 12, "left": None}
    forgets, erased, used, *_ = ask(log, "log", "delete", "2", "--yes")
    assert "what it learned from 12 recordings is forgotten with it." in forgets
    assert forgets.endswith("it hears as if it had never learned your voice.")
    assert erased == "Erased: exchanges 1, learned versions 1."
    assert used == "What Attune came with is in use from now on."
    assert [what for what in knowing.done if what[0] != "log"] == [("loss", [2]), ("erase", [2])]
    knowing.done.clear()
    assert f"Erased: exchanges {many}, learned versions 2." in ask(
        log, "log", "delete", "--all", "--yes"
    )
    erased_at_once = [what[1] for what in knowing.done if what[0] == "erase"]
    assert list(map(len, erased_at_once)) == [MAX_ERASED, 3]


def test_a_carer_reviews_what_the_service_keeps(
    service: Path, knowing: Knowing, records: list[dict[str, Any]]
) -> None:
    knowing.records = [each | {"confidence": 0.3, "route": "transcript"} for each in records]
    knowing.flac = flac.encode(utterance().samples)
    with ordinary_home() as home:
        environment = {
            "HOME": str(home),
            "ATTUNE_JOURNAL__PATH": str(service / "journal.db"),
            "ATTUNE_CONTROL__PATH": str(service / "control.sock"),
            "ATTUNE_SPEAK__WAV_DIR": str(home / "played"),
        }
        keys = "p\na\nu\nd\nq\n"
        done = Machine().type(MEMBER, ("review",), environment, typed=keys)
        (played,) = (home / "played").glob("*.wav")
        assert soundfile.info(played).duration == pytest.approx(utterance().seconds)
    assert (done.status, done.err) == (0, "")
    assert "Taken back." in done.out
    assert "Erased: exchanges 1, learned versions 0." in done.out
    (number,) = {what[1] for what in knowing.done if what[0] == "recording"}
    taught = [what for what in knowing.done if what[0] in ("confirm", "put_back", "erase")]
    assert taught == [
        ("confirm", number), ("put_back", number, None, None, True), ("erase", [number])
    ]  # fmt: skip


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
    with pytest.raises(ControlError, match="There is no exchange 7"):
        ask(log, "log", "correct", "7", "x")
    assert knowing.done == [("log", 1, 8)]
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
