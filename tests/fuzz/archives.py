"""Backups, with the database in them."""

from __future__ import annotations

import shutil
from contextlib import suppress

from assistant.errors import AttuneError
from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.proofreading import read_all
from tests.fuzz.place import PLACE, put
from tests.journal.archives import NOW
from tests.journal.exchanges import exchange

with Journal(PLACE / "seed.db") as journal:
    exchange(journal)
pack(Places(PLACE / "seed.db", PLACE / "none"), PLACE / "seed.tar", NOW)

SEEDS = [(PLACE / "seed.tar").read_bytes()]


def read(data: bytes) -> None:
    archive = put("saved.tar", data)
    there = PLACE / "there"
    with suppress(AttuneError):
        restore(archive, Places(there / "a.db", there / "bridges"), read=read_all)
    shutil.rmtree(there, ignore_errors=True)
