"""Reads all that is stored as it is read in use: what Attune did not write would stop it later."""

from __future__ import annotations

from assistant.household.kept import Kept
from assistant.household.nouns import ACTS
from assistant.journal.acts import MOST, Acts
from assistant.journal.backup import Places
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import pending
from assistant.personalise.bridges.folder import BridgeFolder

_EVER_DAYS = 100 * 365


def read_all(places: Places) -> None:
    """Read every record; raises an ``AttuneError`` for one that cannot be read."""
    with Journal(places.journal) as journal:
        for _ in journal.turns():
            pass
        Lineage(journal).records()
        pending(journal)
        kept = Kept(journal)
        for noun in ACTS:
            kept.kept(noun)
        kept.past_reminders(_EVER_DAYS)
        Acts(journal).last(MOST)
    _ = BridgeFolder(places.bridges).current
