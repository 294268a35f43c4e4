"""One durable connection to the database file, and its errors in plain words."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from assistant import durable
from assistant.errors import JournalError, StorageError, reason
from assistant.journal.schema import migrate, recognise

BUSY_S = 5.0
"""How long one process waits for another one's transaction."""

_LITTLE_SPACE = 1 << 20  # bytes; below this an I/O error is treated as a full disk

_FULL = "the disk that holds {path} is full. Free some space, or set journal.path to another disk."
_DAMAGED = sqlite3.DatabaseError
"""Raised for an unreadable file; programming errors are subclasses."""

_REASONS = {
    "disk is full": _FULL,
    "readonly database": "{path} may not be written. Give yourself write permission, "
    "or set journal.path to another file.",
    "locked": "another program is using {path}. Close it, then try again.",
    "not a database": "{path} is not a database. Move it away, or set journal.path to another "
    "file.",
    "malformed": "{path} is damaged. Move it away and keep it (sqlite3's '.recover' can save "
    "what is left); a new journal is created automatically.",
    "unable to open": "{path} cannot be opened. Check that its folder exists and is yours, or "
    "set journal.path to another file.",
    "disk i/o error": "the disk reports an error at {path}. Check the disk and the system log, "
    "or set journal.path to another disk.",
}


@contextmanager
def explained(path: Path, doing: str) -> Generator[None]:
    """Turn SQLite's errors into a sentence: what could not be done, why, and what to do next.

    Raises:
        StorageError: if the file or the disk is the problem.
        JournalError: for every other SQLite error inside the block, and for rows that cannot be
            understood there.
    """
    try:
        yield
    except sqlite3.Error as error:
        refused = isinstance(error, sqlite3.OperationalError) or type(error) is _DAMAGED
        kind = StorageError if refused else JournalError
        raise kind(f"Cannot {doing}: {_reason(path, str(error))}") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise JournalError(
            f"Cannot {doing}: {path} holds something that this Attune did not write "
            f"({reason(error)}). If a newer one wrote it, update Attune; else restore a backup."
        ) from error


def connect(path: Path, busy_s: float = BUSY_S) -> Database:
    """Open the journal's database, creating and migrating it as needed.

    The connection may be used from several threads, one at a time.

    Raises:
        JournalError: if the file cannot be created, read or written, is not a journal, or was
            written by a newer Attune.
    """
    _make_file(path)
    with explained(path, "open the journal"):
        # No implicit transactions (isolation_level): every BEGIN is explicit.
        connection = sqlite3.connect(
            path, timeout=busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            database = Database(connection, execute_plugins=False)
            recognise(database, path)
            _enable_wal(database, busy_s)
            database.conn.execute("PRAGMA synchronous = FULL")
            database.conn.execute("PRAGMA secure_delete = ON")
            database.conn.execute("PRAGMA foreign_keys = ON")
            migrate(database)
        except BaseException:
            connection.close()
            raise
    return database


def _make_file(path: Path) -> None:
    """Create the folder (0700) and file (0600) if missing, and check that both are writable."""
    try:
        durable.folder(path.parent)
        if path.is_dir():
            raise JournalError(
                f"{path} is a folder, not a journal. Set journal.path to a file inside it."
            )
        if not path.exists():
            os.close(durable.private(str(path), os.O_RDWR | os.O_CREAT))
        # An existing file is not opened here: closing it would drop every lock that this process
        # holds on it, and the next process to leave would delete the log while it is in use.
        elif not _may(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        # SQLite puts its write-ahead log beside the file.
        if not _may(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "its folder may not be written", str(path.parent))
    except OSError as error:
        raise JournalError(
            f"Cannot open the journal {path}: {error.strerror}. Give yourself write permission "
            "there, or set journal.path to another file."
        ) from error


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _enable_wal(database: Database, busy_s: float) -> None:
    """Switch to write-ahead logging; here SQLite itself does not wait for a lock."""
    deadline = time.monotonic() + busy_s
    while not _is_wal_enabled(database, deadline):
        time.sleep(0.02)


def _is_wal_enabled(database: Database, deadline: float) -> bool:
    try:
        database.conn.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) and time.monotonic() < deadline:
            return False
        raise
    return True


def _reason(path: Path, message: str) -> str:
    for fragment, known in _REASONS.items():
        if fragment in message.lower():
            is_full = fragment in ("disk i/o error", "unable to open") and _is_full(path)
            return (_FULL if is_full else known).format(path=path)
    return f"SQLite says {message!r} about {path}. Check the file, or set journal.path to another."


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LITTLE_SPACE
    except OSError:
        return False
