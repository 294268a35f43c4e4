"""Shopping lists, things to do, and every other list by its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from assistant.household import changes
from assistant.household.changes import Change
from assistant.journal.database import JournalDatabase

SHOPPING = "shopping"
TO_DO = "to do"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on a list."""

    id: int
    list: str
    text: str


class Lists:
    """The lists in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def names(self) -> list[str]:
        """Lists with something on them."""
        with self._journal.reading() as database:
            found = database.conn.execute(
                "SELECT DISTINCT list FROM entries WHERE done_at IS NULL ORDER BY list"
            ).fetchall()
        return [str(name) for (name,) in found]

    def entries(self, name: str | None = None) -> list[Entry]:
        """What is left on one list, or on all, in the order in which it was added."""
        where, values = ("", []) if name is None else (" AND list = ?", [name])
        with self._journal.reading() as database:
            found = database.conn.execute(
                f"SELECT id, list, text FROM entries WHERE done_at IS NULL{where} ORDER BY id",  # noqa: S608 - constant
                values,
            ).fetchall()
        return [Entry(*row) for row in found]

    def ever(self, name: str) -> list[str]:
        """What was ever put on a list and is still kept, done or not."""
        with self._journal.reading() as database:
            found = database.conn.execute(
                "SELECT DISTINCT text FROM entries WHERE list = ?", [name]
            ).fetchall()
        return [str(text) for (text,) in found]

    def add(self, name: str, texts: Iterable[str], now: datetime) -> Change:
        """Put things on a list, which is made if need be."""
        at = now.astimezone(timezone.utc).isoformat()
        rows = [{"list": name, "text": text, "added_at": at} for text in texts]
        with self._journal.writing("keep it") as database:
            return changes.insert(database, "entries", rows)

    def tick_off(self, entries: Iterable[Entry], now: datetime) -> Change:
        """These are done."""
        at = now.astimezone(timezone.utc).isoformat()
        with self._journal.writing("tick it off") as database:
            return changes.update(database, "entries", [e.id for e in entries], {"done_at": at})

    def remove(self, ids: Iterable[int]) -> Change:
        """Delete things."""
        with self._journal.writing("remove it") as database:
            return changes.delete(database, "entries", list(ids))
