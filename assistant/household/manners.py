"""How the user wants to be spoken to, kept in the journal."""

from __future__ import annotations

from assistant.journal.database import JournalDatabase
from assistant.speak.manner import Manner

_NAME = "manner"


class Manners:
    """The manner in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def get(self) -> Manner:
        """How to speak."""
        return Manner.load(self._journal.remembered(_NAME))

    def put(self, manner: Manner) -> None:
        """Speak like this from now on, also after a restart."""
        self._journal.remember(_NAME, manner.dump())
