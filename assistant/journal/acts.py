"""Who changed what from elsewhere: one line for each act of a helper, without any words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from assistant.journal.database import JournalDatabase
from assistant.journal.turn import moment, stamp

MOST = 10_000
"""The oldest beyond these are dropped."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act."""

    id: int
    at: datetime  # UTC
    by: str  # the helper's name
    what: str  # a control method
    about: tuple[int, ...]  # numbers of what it was done to, if it has any


class Acts:
    """The acts in a journal; every method raises ``JournalError`` when it cannot be used."""

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def add(self, by: str, what: str, about: Sequence[int] = ()) -> None:
        """Note that somebody has done something just now."""
        self._add([Act(0, datetime.now(timezone.utc), by, what, tuple(about))])

    def go_on_from(self, other: Acts) -> None:
        """Also keep what another journal knows of later acts than the last one here."""
        mine = self.last(1)
        self._add([each for each in other.last(MOST) if not mine or each.at > mine[0].at][::-1])

    def _add(self, acts: Sequence[Act]) -> None:
        rows = [(stamp(each.at), each.by, each.what, json.dumps(each.about)) for each in acts]
        with self._journal.writing("note who did it") as database:
            connection = database.conn
            connection.executemany(
                'INSERT INTO acts (at, "by", what, about) VALUES (?, ?, ?, ?)', rows
            )
            connection.execute(
                "DELETE FROM acts WHERE id <= (SELECT max(id) FROM acts) - ?", [MOST]
            )

    def last(self, most: int) -> list[Act]:
        """The latest acts, newest first."""
        with self._journal.reading() as database:
            found = database.conn.execute(
                'SELECT id, at, "by", what, about FROM acts ORDER BY id DESC LIMIT ?', [most]
            ).fetchall()
            return [
                Act(number, moment(at), str(by), str(what), tuple(map(int, json.loads(about))))
                for number, at, by, what, about in found
            ]
