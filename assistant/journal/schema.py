"""The database schema, as numbered migrations.

Migration number n brings a database from version n - 1 to version n; the version is SQLite's
``user_version``. A published migration is never edited; every change is a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sqlite_utils import Database

from assistant.errors import JournalError

Migration: TypeAlias = Callable[[Database], None]

APPLICATION_ID = 0x41747475
"""Marks the file as an Attune journal ("Attu"), so another program's database is left alone."""


def _create_turns(database: Database) -> None:
    # The blob comes last: SQLite reads rows from the left, so listing turns never reads it.
    # AUTOINCREMENT: the id of an erased turn is never reused.
    database.conn.execute(
        """
        CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started_at TEXT NOT NULL,
            source TEXT NOT NULL,
            seconds REAL,
            end_reason TEXT,
            hypothesis TEXT,
            confidence REAL,
            words TEXT,
            correction TEXT,
            consent INTEGER NOT NULL DEFAULT 1 CHECK (consent IN (0, 1)),
            encoder TEXT,
            llm TEXT,
            bridge TEXT,
            route TEXT,
            heard TEXT,
            bridge_confidence REAL,
            reply TEXT,
            stop_reason TEXT,
            timings TEXT,
            error TEXT,
            replied_at TEXT,
            audio BLOB
        ) STRICT
        """
    )
    database.conn.execute("CREATE INDEX turns_started_at ON turns (started_at)")


def _create_learning(database: Database) -> None:
    # Encoder features, computed once per utterance and deleted with it.
    database.conn.execute(
        """
        CREATE TABLE features (
            turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            encoder TEXT NOT NULL,
            frame_rate REAL NOT NULL,
            n_frames INTEGER NOT NULL,
            dim INTEGER NOT NULL,
            hypothesis TEXT NOT NULL,
            confidence REAL NOT NULL,
            words TEXT NOT NULL,
            frames BLOB NOT NULL,
            PRIMARY KEY (turn_id, encoder)
        ) STRICT
        """
    )
    # One row per trained bridge. ``turns`` outlives the turns themselves, so that the bridges that
    # learned from an erased utterance can still be found.
    database.conn.execute(
        """
        CREATE TABLE bridges (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            version TEXT NOT NULL,
            created_at TEXT NOT NULL,
            head TEXT NOT NULL,
            start TEXT NOT NULL,
            turns TEXT NOT NULL,
            curve TEXT NOT NULL,
            verdict TEXT,
            accepted INTEGER CHECK (accepted IN (0, 1)),
            erased_at TEXT
        ) STRICT
        """
    )
    database.conn.execute("CREATE INDEX bridges_version ON bridges (version)")
    # How an example got its text, unless it was simply said to Attune.
    database.conn.execute("ALTER TABLE turns ADD COLUMN taught TEXT")
    # Facts about learning itself, such as a training that is due after an erasure.
    database.conn.execute(
        "CREATE TABLE learning (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"
    )


def _create_household(database: Database) -> None:
    # What is still to come. Moments are UTC; ``wall`` is the time that the clock on the wall shows
    # then, in ``zone``. A timer has neither: while the device stays on it is due at ``boot_s``,
    # seconds since it was switched on, so that setting the clock does not change its length.
    database.conn.execute(
        """
        CREATE TABLE agenda (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('timer', 'alarm', 'reminder')),
            name TEXT NOT NULL,
            created_at TEXT NOT NULL,
            due_at TEXT,
            wall TEXT,
            zone TEXT,
            days TEXT NOT NULL DEFAULT '',
            boot TEXT,
            boot_s REAL,
            left_s REAL,
            length_s REAL,
            over INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1))
        ) STRICT
        """
    )
    # One row per time that has come. It is unique, so that no time rings twice.
    database.conn.execute(
        """
        CREATE TABLE rings (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            item INTEGER NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            due_at TEXT NOT NULL,
            began_at TEXT NOT NULL,
            late INTEGER NOT NULL CHECK (late IN (0, 1)),
            said INTEGER NOT NULL DEFAULT 0,
            said_at TEXT,
            how TEXT,
            ended_at TEXT,
            UNIQUE (item, due_at)
        ) STRICT
        """
    )
    database.conn.execute(
        """
        CREATE TABLE entries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            list TEXT NOT NULL,
            text TEXT NOT NULL,
            added_at TEXT NOT NULL,
            done_at TEXT
        ) STRICT
        """
    )
    database.conn.execute(
        """
        CREATE TABLE notes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            subject TEXT NOT NULL,
            text TEXT NOT NULL,
            written_at TEXT NOT NULL
        ) STRICT
        """
    )


def _learn_only_from_the_user(database: Database) -> None:
    # Recordings that were played to Attune counted as the user's voice.
    database.conn.execute(
        "UPDATE turns SET consent = 0 WHERE source NOT IN ('microphone', 'text') "
        "AND coalesce(taught, '') NOT IN ('enrolled', 'imported')"
    )
    database.conn.execute(
        "DELETE FROM features WHERE turn_id IN (SELECT id FROM turns WHERE NOT consent "
        "AND source NOT IN ('microphone', 'text'))"
    )
    # What has learned from them is followed by a training without them.
    database.conn.execute(
        """
        INSERT OR REPLACE INTO learning
        SELECT 'retrain_due', 'recordings' WHERE EXISTS (
            SELECT 1 FROM bridges, json_each(bridges.turns) AS taught
            JOIN turns ON turns.id = taught.value
            WHERE bridges.accepted AND bridges.erased_at IS NULL AND NOT turns.consent
                AND turns.source NOT IN ('microphone', 'text')
        )
        """
    )


def _create_acts(database: Database) -> None:
    database.conn.execute(
        """
        CREATE TABLE acts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            "by" TEXT NOT NULL,
            what TEXT NOT NULL,
            about TEXT NOT NULL
        ) STRICT
        """
    )


def _know_their_timers(database: Database) -> None:
    # What Home Assistant calls a timer that it has started.
    database.conn.execute("ALTER TABLE agenda ADD COLUMN theirs TEXT")


MIGRATIONS: tuple[Migration, ...] = (
    _create_turns,
    _create_learning,
    _create_household,
    _learn_only_from_the_user,
    _create_acts,
    _know_their_timers,
)

HOUSEHOLD = ("agenda", "rings", "entries", "notes", "acts")
"""Tables of what the household has asked Attune to keep, and of who has changed what."""


@contextmanager
def transaction(database: Database) -> Generator[None]:
    """Take the write lock at once, commit at the end, and roll back on any error."""
    database.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.commit()
    except BaseException:
        database.rollback()
        raise


def version(database: Database) -> int:
    """How many migrations have been applied."""
    return int(database.conn.execute("PRAGMA user_version").fetchone()[0])


def recognise(database: Database, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Check, without writing anything, that this is a journal this version can use.

    Raises:
        JournalError: if the database belongs to another program or a newer Attune.
    """
    database.conn.execute("BEGIN")  # a snapshot, in case another process is creating the file
    application = database.conn.execute("PRAGMA application_id").fetchone()[0]
    tables = database.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    number = version(database)
    database.conn.execute("COMMIT")
    if application != APPLICATION_ID and not (application == 0 and tables == 0):
        raise JournalError(
            f"{path} is a database of another program, not an Attune journal. "
            "Set journal.path to another file."
        )
    if number > len(migrations):
        raise JournalError(
            f"The journal {path} has version {number}, but this Attune supports only "
            f"{len(migrations)}. Install a newer Attune, or set journal.path to another file."
        )


def migrate(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest version, one transaction per migration."""
    while version(database) < len(migrations):
        with transaction(database):
            # Another process may have applied this migration while this one waited for the lock.
            if (number := version(database)) < len(migrations):
                migrations[number](database)
                database.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                database.conn.execute(f"PRAGMA user_version = {number + 1}")
