from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from assistant.errors import JournalError
from assistant.journal.connection import connect
from assistant.journal.schema import APPLICATION_ID, MIGRATIONS, migrate, recognise, version
from assistant.journal.store import Journal
from tests.journal.exchanges import exchange


def _add_mood(database: Database) -> None:
    database.conn.execute("ALTER TABLE turns ADD COLUMN mood TEXT")
    database.conn.execute("UPDATE turns SET mood = 'calm'")


def _break_off(database: Database) -> None:
    database.conn.execute("DELETE FROM turns")
    raise RuntimeError("power cut")


def test_opening_again_changes_nothing(path: Path) -> None:
    with Journal(path) as journal:
        exchange(journal)
        shape = journal.database.schema
        before = journal.turn(1)
    with Journal(path) as journal:
        assert journal.database.schema == shape
        assert journal.turn(1) == before
        assert version(journal.database) == len(MIGRATIONS)


def test_features_go_with_their_exchange(journal: Journal) -> None:
    conn = journal.database.conn
    kept, gone = exchange(journal), exchange(journal)
    conn.execute("DELETE FROM turns WHERE id = ?", [gone])
    assert conn.execute("SELECT turn_id FROM features").fetchall() == [(kept,)]
    with pytest.raises(sqlite3.IntegrityError):
        conn.execute("UPDATE features SET turn_id = 99")


def test_each_migration_runs_once_and_in_order(journal: Journal) -> None:
    exchange(journal)
    later = (*MIGRATIONS, _add_mood)
    migrate(journal.database, later)
    migrate(journal.database, later)
    assert version(journal.database) == len(later)
    assert journal.database.conn.execute("SELECT mood FROM turns").fetchall() == [("calm",)]


def test_a_migration_that_fails_leaves_everything_as_it_was(journal: Journal) -> None:
    turn_id = exchange(journal)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(journal.database, (*MIGRATIONS, _add_mood, _break_off))
    assert version(journal.database) == len(MIGRATIONS) + 1
    assert journal.turn(turn_id).reply == "it is half past six"


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    with Journal(path) as journal:
        exchange(journal)
        migrate(journal.database, (*MIGRATIONS, _add_mood))
    before = path.read_bytes()
    with pytest.raises(JournalError, match="Install a newer Attune"):
        Journal(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="database of another program"):
        Journal(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    with Journal(path) as journal:
        assert journal.count() == 0


def test_a_journal_says_whose_it_is(journal: Journal, path: Path) -> None:
    marked = journal.database.conn.execute("PRAGMA application_id").fetchone()[0]
    assert marked == APPLICATION_ID
    assert APPLICATION_ID.to_bytes(4, "big") == b"Attu"
    with closing(connect(path).conn) as conn:
        recognise(Database(conn), path)


def test_values_of_another_kind_are_refused_by_the_database(journal: Journal) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        journal.database.conn.execute(
            "INSERT INTO turns (started_at, source, seconds) VALUES ('now', 'text', 'long')"
        )
    with pytest.raises(sqlite3.IntegrityError):
        journal.database.conn.execute(
            "INSERT INTO turns (started_at, source, consent) VALUES ('now', 'text', 2)"
        )
