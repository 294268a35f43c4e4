"""Deleting exchanges, also on a disk that has almost no room left."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from assistant.errors import StorageError
from assistant.journal.database import JournalDatabase
from assistant.journal.schema import HOUSEHOLD

RESERVE_BYTES = 16 << 20
"""Kept free for erasing: more than SQLite's log needs to overwrite one long exchange."""


def delete(journal: JournalDatabase, turn_ids: Iterable[int]) -> int:
    """Delete exchanges with their features, all or none; returns how many existed.

    If the disk refuses all of them at once, they are deleted one after another, because the log of
    what is overwritten takes as much room as they do.
    """
    ids = list(turn_ids)
    try:
        return _delete(journal, ids)
    except StorageError:
        return sum(_delete(journal, [each]) for each in ids)


def clear(journal: JournalDatabase, *, keeping: str) -> int:
    """Delete all exchanges, bridge records, values and what the household keeps.

    Args:
        journal: whose.
        keeping: values whose names have this prefix stay.

    Returns:
        How many exchanges there were.
    """
    try:
        return _clear(journal, keeping)
    except StorageError:
        with journal.reading() as database:
            ids = [number for (number,) in database.conn.execute("SELECT id FROM turns").fetchall()]
        return delete(journal, ids) + _clear(journal, keeping)


def keep_room(journal: Path) -> None:
    """Occupy room beside a journal, to be given back for erasing; no room is no error."""
    path = _reserve(journal)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(handle, 0, RESERVE_BYTES)
        finally:
            os.close(handle)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def with_room(journal: Path) -> Generator[None]:
    """Give the room that was kept back to the disk within the block."""
    with suppress(OSError):
        _reserve(journal).unlink(missing_ok=True)
    try:
        yield
    finally:
        keep_room(journal)


def _reserve(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.reserve")


def _delete(journal: JournalDatabase, ids: Sequence[int]) -> int:
    with journal.writing("delete exchanges") as database:
        found = database.conn.executemany(
            "DELETE FROM turns WHERE id = ?", [(turn_id,) for turn_id in ids]
        ).rowcount
    journal.shorten_log()
    return found


def _clear(journal: JournalDatabase, keeping: str) -> int:
    with journal.writing("delete everything") as database:
        connection = database.conn
        for table in ("bridges", *HOUSEHOLD):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        connection.execute(
            "DELETE FROM learning WHERE substr(name, 1, ?) <> ?", [len(keeping), keeping]
        )
        return connection.execute("DELETE FROM turns").rowcount
