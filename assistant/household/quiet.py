"""Until when nothing is to be said unasked, kept in the journal."""

from __future__ import annotations

from datetime import datetime, timezone

from assistant.journal.database import JournalDatabase
from assistant.journal.turn import moment

_NAME = "quiet_until"


class Quiet:
    """The wish in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def until(self, now: datetime) -> datetime | None:
        """When it ends, in the zone of ``now``, if it has not ended."""
        try:
            end = moment(self._journal.remembered(_NAME) or "")
        except ValueError:  # nothing, or nothing that can be read
            return None
        return end.astimezone(now.tzinfo) if end > now else None

    def put(self, until: datetime | None) -> None:
        """Say nothing unasked until then; ``None``: speak again."""
        stamp = "" if until is None else until.astimezone(timezone.utc).isoformat()
        self._journal.remember(_NAME, stamp)
