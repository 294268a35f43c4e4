"""Backups from strangers: what would stop the daemon later is refused before anything changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.attacks.bounds import command
from tests.journal.archives import NOW, everything, forge, members, rewrite
from tests.personalise.lived_in import learn, talk

DEEP = "[" * 100_000 + "]" * 100_000

MOMENT = "2026-01-01T00:00:00.000000+00:00"
FIRST, LAST = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"

UPDATES = {
    "deep words": ("turns", "words", DEEP),
    "no words": ("turns", "words", "[1]"),
    "deep timings": ("turns", "timings", DEEP),
    "heard in year 1": ("turns", "started_at", FIRST),
    "answered in year 9999": ("turns", "replied_at", LAST),
    "in no zone": ("turns", "started_at", "2026-01-01T00:00:00"),
    "learned from deep": ("bridges", "turns", DEEP),
    "learned from x": ("bridges", "turns", '"x"'),
    "deep curve": ("bridges", "curve", DEEP),
    "deep verdict": ("bridges", "verdict", DEEP),
    "learned in year 1": ("bridges", "created_at", FIRST),
    "on weekday 7": ("agenda", "days", "7"),
    "in endless time": ("agenda", "left_s", float("inf")),
    "on the wall in year 9999": ("agenda", "wall", LAST[:19]),
    "made in year 1": ("agenda", "created_at", FIRST),
    "due at x": ("rings", "due_at", "x"),
    "an erasure of deep": ("learning", "value", DEEP),
    "an erasure of x": ("learning", "value", "x"),
}


def spoilt(table: str, column: str, value: object) -> Callable[[sqlite3.Connection], object]:
    """A change of one value in every row of a table that has some of everything."""

    def change(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO learning VALUES ('erasing:x', '{}')")
        connection.execute(
            "INSERT INTO agenda (kind, name, created_at) VALUES ('alarm', '', ?)", [MOMENT]
        )
        connection.execute(
            "INSERT INTO rings (item, kind, name, due_at, began_at, late) "
            "VALUES (1, 'alarm', '', ?, ?, 0)",
            [MOMENT, MOMENT],
        )
        connection.execute(f"UPDATE {table} SET {column} = ?", [value])  # noqa: S608 - a test's own

    return change


def remembering(names: Sequence[str], value: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: connection.executemany(
        "INSERT OR REPLACE INTO learning VALUES (?, ?)", [(name, value) for name in names]
    )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "data" / "journal.db", tmp_path / "data" / "bridges")
    with Journal(places.journal) as journal:
        talk(journal, 1)
        learn(journal, BridgeFolder(places.bridges), [1], seed=1)
    return places


@pytest.fixture
def archive(tmp_path: Path, places: Places) -> Path:
    path = tmp_path / "saved.tar"
    pack(places, path, NOW)
    return path


def refused(home: Path, places: Places, archive: Path) -> str:
    """Why it is not restored; nothing has changed."""
    before = everything(places.journal.parent)
    environment = {"ATTUNE_JOURNAL__PATH": str(places.journal)}
    done = command(home, ["restore", str(archive)], environment)
    assert done.returncode == 1, done.stdout
    why = done.stderr.splitlines()[-1]
    assert why.startswith(f"assistant: The backup {archive} is damaged: "), done.stderr
    assert everything(places.journal.parent) == before
    return why


@pytest.mark.parametrize(("table", "column", "value"), UPDATES.values(), ids=UPDATES)
def test_a_row_that_nobody_wrote_is_refused(
    tmp_path: Path, places: Places, archive: Path, table: str, column: str, value: object
) -> None:
    forge(archive, spoilt(table, column, value))
    assert len(refused(tmp_path, places, archive)) < 1_000


@pytest.mark.parametrize("data", [DEEP.encode(), b'{"versions": [1]}', b"\xff"])
def test_a_list_of_bridges_that_nobody_wrote_is_refused(
    tmp_path: Path, places: Places, archive: Path, data: bytes
) -> None:
    contents = {member.name: (member, text) for member, text in members(archive)}
    contents["bridges/promoted.json"] = (contents["bridges/promoted.json"][0], data)
    told = json.loads(contents["manifest.json"][1])
    told["files"]["bridges/promoted.json"] = {
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    contents["manifest.json"] = (contents["manifest.json"][0], json.dumps(told).encode())
    rewrite(archive, list(contents.values()))
    assert "promoted" in refused(tmp_path, places, archive)


def test_what_may_be_forgotten_stops_nothing(archive: Path, tmp_path: Path) -> None:
    """What was learned about pauses, failures, loudness and quiet is begun anew."""
    names = ("pauses", "failures", "manner", "quiet_until", "examples")
    for value in (DEEP, "9" * 5_000, '{"gain_db": 1e999, "tempo": "x"}', FIRST):
        forge(archive, remembering(names, value))
        there = Places(tmp_path / "new" / "a.db", tmp_path / "new" / "learned")
        restore(archive, there)
        done = command(tmp_path, ["status"], {"ATTUNE_JOURNAL__PATH": str(there.journal)})
        assert (done.returncode, done.stderr) == (0, "")
