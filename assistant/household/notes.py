"""Notes about the user, mostly by whoever helps: people, address, numbers, where things are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from assistant.household import changes
from assistant.household.changes import Change
from assistant.household.spelling import one_spelling
from assistant.journal.database import JournalDatabase
from assistant.spoken import said_words


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said about a subject."""

    id: int
    subject: str  # "Peter", "my address", "my keys"
    text: str


class Notes:
    """The notes in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def all(self) -> list[Note]:
        """Every note, by subject."""
        with self._journal.reading() as database:
            found = database.conn.execute(
                "SELECT id, subject, text FROM notes ORDER BY subject, id"
            ).fetchall()
        return [Note(*row) for row in found]

    def about(self, subject: str) -> list[Note]:
        """Notes on a subject, whatever its case and articles."""
        wanted = plain(subject)
        return [each for each in self.all() if plain(each.subject) == wanted]

    def write(self, subject: str, text: str, now: datetime) -> Change:
        """Add a note."""
        at = now.astimezone(timezone.utc).isoformat()
        row = {"subject": subject, "text": text, "written_at": at}
        with self._journal.writing("keep it") as database:
            return changes.insert(database, "notes", [row])

    def remove(self, ids: Iterable[int]) -> Change:
        """Delete notes."""
        with self._journal.writing("remove it") as database:
            return changes.delete(database, "notes", list(ids))


_SMALL = frozenset(("my", "the", "our", "your", "a", "an", "is", "are"))


def plain(subject: str) -> str:
    """A subject as it is compared: spoken words without articles, in one spelling."""
    return one_spelling(" ".join(w for w in said_words(subject).split() if w not in _SMALL))
