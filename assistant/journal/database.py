"""The open database: one lock for all threads, transactions, remembered values, wiping."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from sqlite_utils import Database

from assistant.config import JournalSettings
from assistant.errors import JournalError
from assistant.journal.connection import BUSY_S, connect, explained
from assistant.journal.schema import transaction

if TYPE_CHECKING:
    from typing_extensions import Self

_ATTEMPT_MS = 200
"""One attempt to empty the write-ahead log, during which nobody else can write."""

_STEPS = 100
"""SQLite instructions between two checks whether wiping should stop."""


class JournalDatabase:
    """A connection that several threads may share; several processes may share the file.

    Every method raises ``JournalError`` when the database cannot be read or written.
    """

    path: Path
    database: Database  # for the maintenance that belongs to this package

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        """Open the file, creating or migrating it as needed.

        Args:
            path: the SQLite file.
            busy_s: how long to wait for another process's transaction.

        Raises:
            JournalError: if the file cannot be used.
        """
        self.path = path
        self.database = connect(path, busy_s)
        self._file = _file(path)
        self._busy_s = busy_s
        self._lock = RLock()

    @classmethod
    def open(cls, settings: JournalSettings) -> Self:
        """The journal that the settings name."""
        return cls(settings.path)

    def reopen_moved(self) -> bool:
        """Open the file that is at the path now, or a new one, unless it is still the same.

        Returns:
            Whether it was moved, deleted or replaced.
        """
        with self._lock:
            if _file(self.path) == self._file:
                return False
            with suppress(JournalError):
                self.shorten_log()  # which a new file of this name would delete
            database = connect(self.path, self._busy_s)
            self.database.close()
            self.database, self._file = database, _file(self.path)
            return True

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        with self._lock:
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @contextmanager
    def reading(self) -> Generator[Database]:
        """Hold the connection for one reading statement."""
        with self._lock, explained(self.path, "read the journal"):
            yield self.database

    @contextmanager
    def writing(self, doing: str) -> Generator[Database]:
        """Hold the connection for one transaction; errors say what it was ``doing``."""
        with self._lock, explained(self.path, doing), transaction(self.database):
            yield self.database

    def remember(self, name: str, value: str) -> None:
        """Store a value under a name, replacing an earlier one."""
        with self.writing(f"remember {name!r}") as database:
            database.conn.execute(
                "INSERT INTO learning (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )

    def remembered(self, name: str) -> str | None:
        """The value under a name, or ``None``."""
        with self.reading() as database:
            row = database.conn.execute(
                "SELECT value FROM learning WHERE name = ?", [name]
            ).fetchone()
        return None if row is None else str(row[0])

    def memories(self, prefix: str) -> dict[str, str]:
        """Stored values whose names begin with a prefix, by name."""
        with self.reading() as database:
            rows = database.conn.execute(
                "SELECT name, value FROM learning WHERE substr(name, 1, ?) = ? ORDER BY name",
                [len(prefix), prefix],
            ).fetchall()
        return dict(rows)

    def forget(self, name: str) -> None:
        """Delete the value stored under a name, if any."""
        with self.writing(f"forget {name!r}") as database:
            database.conn.execute("DELETE FROM learning WHERE name = ?", [name])

    def scrub(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Leave no byte of deleted rows in the database file or the files beside it.

        Deleting a row overwrites it in place (``secure_delete``), and the write-ahead log is
        emptied here. Copies that SQLite leaves in a page when it moves rows to another one
        disappear only when the whole file is rewritten, while no other process can write.

        Args:
            stop: polled during the rewrite; once true, the file stays as it was.

        Returns:
            Whether the file was rewritten, for which the disk needs room; the log is emptied either
            way.

        Raises:
            JournalError: also if another program keeps reading the journal.
        """
        with self._lock, explained(self.path, "wipe what was erased from the journal"):
            connection = self.database.conn
            is_whole = self._rewrite(connection, stop)
            with self._waiting_only(_ATTEMPT_MS):
                self._empty_log(connection)
        return is_whole

    def shorten_log(self) -> None:
        """Move what the write-ahead log holds into the file, so that its room is used anew."""
        with self._lock, explained(self.path, "shorten the journal's log"):
            self.database.conn.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def _waiting_only(self, milliseconds: int) -> Generator[None]:
        """Wait only this long for other processes' transactions within the block."""
        connection = self.database.conn
        connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(self._busy_s * 1_000)}")

    def _rewrite(self, connection: sqlite3.Connection, stop: Callable[[], bool]) -> bool:
        if stop():
            return False
        stopped = False

        def asked() -> bool:
            nonlocal stopped
            stopped = stopped or stop()
            return stopped

        connection.set_progress_handler(asked, _STEPS)
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if stopped or "disk is full" in str(error):  # it takes as much room again
                return False
            raise
        finally:
            connection.set_progress_handler(None, 0)
        return True

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._busy_s
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise JournalError(
                    f"What was erased cannot be wiped from {self.path}-wal yet, because another "
                    "program is reading the journal. Close it; the wiping is finished when "
                    "Attune starts next, or by the next 'assistant log delete'."
                )
            time.sleep(0.02)


def _file(path: Path) -> tuple[int, int] | None:
    """Identifies the file at a path."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def all_exist(database: Database, turn_ids: Collection[int]) -> bool:
    """Whether the journal holds all of these exchanges, each named once."""
    found = database.conn.execute(
        "SELECT count(*) FROM turns WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(sorted(turn_ids))],
    ).fetchone()[0]
    return found == len(turn_ids)
