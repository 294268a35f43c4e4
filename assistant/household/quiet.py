"""Until when nothing is to be said unasked, kept in the journal."""

from __future__ import annotations

from datetime import datetime, timezone

from assistant.journal.database import JournalDatabase

_NAME = "quiet_until"


class Quiet:
    """The wish in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def until(self, now: datetime) -> datetime | None:
        """When it ends, in the zone of ``now``, if it has not ended."""
        stored = self._journal.remembered(_NAME)
        if not stored:
            return None
        end = datetime.fromisoformat(stored)
        return end.astimezone(now.tzinfo) if end > now else None

    def put(self, until: datetime | None) -> None:
        """Say nothing unasked until then; ``None``: speak again."""
        stamp = "" if until is None else until.astimezone(timezone.utc).isoformat()
        self._journal.remember(_NAME, stamp)
