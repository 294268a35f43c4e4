"""Timers, alarms and reminders: kept, due, ringing, answered.

A timer counts elapsed time. Alarms and reminders stand at a time of the clock on the wall and
follow it: through summer time, another time zone and a clock that is set. When a time has come, its
*ring* is written down together with the next time, in one transaction, so that neither a power cut
nor a jump of the clock can lose it or have it ring anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from zlib import crc32

from sqlite_utils import Database

from assistant.errors import JournalError
from assistant.household import changes
from assistant.household.calendars import Appointment
from assistant.household.changes import Change
from assistant.household.clocks import Moment
from assistant.household.due import LATE, follow, instant, is_settled
from assistant.household.items import How, Item, Kind, Ring, running, stamp, to_item, to_ring
from assistant.journal.database import JournalDatabase

__all__ = ["LATE", "Agenda", "How", "Item", "Kind", "Ring"]


class Agenda:
    """The items and rings in a journal.

    Every method raises ``JournalError`` when the database cannot be read or written.
    """

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal
        self._unkept: dict[int, tuple[Ring, How]] = {}  # ended, though the disk refused it

    def start_timer(self, length: timedelta, name: str, moment: Moment) -> Change:
        """A timer that runs from now on."""
        seconds = length.total_seconds()
        row = {"kind": Kind.TIMER.value, "name": name, "length_s": seconds}
        return self._insert(row | running(seconds, moment), moment)

    def follow_timer(
        self, theirs: str, length: timedelta, name: str | None, moment: Moment, *, runs: bool = True
    ) -> None:
        """Have a timer be as another program says that its own is.

        Once it is over here, it stays over.

        Args:
            theirs: what that program calls it.
            length: how long it still runs.
            name: what it is about, if it has just been started; ``None``: it has not.
            moment: now.
            runs: whether it does; else it is paused.
        """
        seconds = length.total_seconds()
        time = running(seconds, moment) if runs else _paused(seconds)
        found = self._theirs(theirs)
        if found:
            self._update(found, time)
        elif name is not None:
            row = {"kind": Kind.TIMER.value, "name": name, "theirs": theirs}
            lasts = float(round(seconds))  # as it was asked for: some of it may be over already
            self._insert(row | {"length_s": lasts} | time, moment)

    def cancel_timer(self, theirs: str) -> None:
        """Remove a timer that another program has removed; also while it rings."""
        self.cancel(self._theirs(theirs, over=True))

    def add(
        self, kind: Kind, name: str, at: datetime, moment: Moment, days: Iterable[int] = ()
    ) -> Change:
        """An alarm or a reminder.

        Args:
            kind: which of them.
            name: what it is about; may be empty.
            at: the first time, as the clock on the wall will show it.
            moment: now.
            days: weekdays on which it repeats, Monday is 0; none: once.
        """
        wall = at.replace(tzinfo=None, fold=0)
        row = {
            "kind": kind.value,
            "name": name,
            "wall": wall.isoformat(),
            "zone": moment.zone,
            "days": "".join(map(str, sorted(days))),
            "due_at": stamp(instant(wall, moment)),
        }
        return self._insert(row, moment)

    def items(self, *kinds: Kind) -> list[Item]:
        """What is still to come, the next first; paused timers come last."""
        wanted = [kind.value for kind in kinds or Kind]
        marks = ", ".join("?" * len(wanted))
        with self._journal.reading() as database:
            found = _table(database, "agenda").rows_where(
                f"over = 0 AND kind IN ({marks})", wanted, order_by="due_at IS NULL, due_at, id"
            )
            return [to_item(row) for row in found]

    def cancel(self, ids: Iterable[int]) -> Change:
        """Remove items; those that ring are silent."""
        ids = list(ids)
        with self._journal.writing("cancel it") as database:
            ringing = _table(database, "rings").rows_where("how IS NULL")
            rings = [row["id"] for row in ringing if row["item"] in ids]
            stopped = changes.update(database, "rings", rings, {"how": How.STOPPED.value})
            return changes.delete(database, "agenda", ids) & stopped

    def pause(self, item: Item, moment: Moment) -> Change:
        """Stop the time of a timer."""
        left = max(item.left(moment).total_seconds(), 0.0)
        return self._update([item.id], _paused(left))

    def run(self, item: Item, length: timedelta, moment: Moment) -> Change:
        """Let a timer run for this long from now on."""
        return self._update([item.id], running(length.total_seconds(), moment))

    def undo(self, change: Change) -> None:
        """Take a change back."""
        with self._journal.writing("take it back") as database:
            changes.undo(database, change)

    def tick(self, moment: Moment) -> list[Ring]:
        """Notice what is due, and return what rings, the oldest first; cheap when nothing is."""
        for ring, how in list(self._unkept.values()):
            with suppress(JournalError):
                self.end([ring], how, moment)
        if not all(is_settled(each, moment) for each in self.items()):
            with self._journal.writing("keep what is due") as database:
                for row in list(_table(database, "agenda").rows_where("over = 0")):
                    if not is_settled(item := to_item(row), moment):
                        follow(database, item, moment)
        return self.rings()

    def rings(self) -> list[Ring]:
        """What rings, the oldest first."""
        with self._journal.reading() as database:
            found = _table(database, "rings").rows_where("how IS NULL", order_by="due_at, id")
            return [each for each in map(to_ring, found) if each.id not in self._unkept]

    def said(self, ring: Ring, moment: Moment) -> None:
        """It was said once more."""
        values = {"said": ring.said + 1, "said_at": stamp(moment.now)}
        with self._journal.writing("keep that it was said") as database:
            changes.update(database, "rings", [ring.id], values)

    def end(self, rings: Iterable[Ring], how: How, moment: Moment) -> Change:
        """These ring no more, even if the database cannot be written."""
        ended = {each.id: (each, how) for each in rings}
        self._unkept |= ended
        with self._journal.writing("keep how it ended") as database:
            change = changes.update(database, "rings", list(ended), _ended(how, moment))
        for number in ended:
            self._unkept.pop(number, None)
        return change

    def snooze(self, rings: Iterable[Ring], length: timedelta, moment: Moment) -> Change:
        """These ring again after a while."""
        rings = list(rings)
        rows = [
            {"kind": each.kind.value, "name": each.name, "created_at": stamp(moment.now)}
            | running(length.total_seconds(), moment)
            for each in rings
        ]
        ids = [each.id for each in rings]
        with self._journal.writing("keep it") as database:
            ended = changes.update(database, "rings", ids, _ended(How.SNOOZED, moment))
            return ended & changes.insert(database, "agenda", rows)

    def announce(self, appointments: Iterable[Appointment], moment: Moment) -> None:
        """These begin soon, or have just begun: they ring, unless they have rung before."""
        with self._journal.reading() as database:
            known = {
                (row["item"], row["due_at"])
                for row in _table(database, "rings").rows_where("item < 0", select="item, due_at")
            }
        found = {(-crc32(each.text.encode()), stamp(each.starts_at)): each for each in appointments}
        new = [(key, each) for key, each in found.items() if key not in known]
        if not new:
            return
        with self._journal.writing("keep what is due") as database:
            for (number, due), each in new:
                late = moment.now.astimezone(timezone.utc) - each.starts_at > LATE
                row = {"item": number, "kind": Kind.REMINDER.value, "name": each.text}
                row |= {"due_at": due, "began_at": stamp(moment.now), "late": int(late)}
                _table(database, "rings").insert(row, ignore=True)

    def past(self, since: datetime) -> list[Ring]:
        """What was due since a moment, and is over, the oldest first."""
        with self._journal.reading() as database:
            found = _table(database, "rings").rows_where(
                "due_at >= ? AND how IS NOT NULL", [stamp(since)], order_by="due_at, id"
            )
            return [to_ring(row) for row in found]

    def _theirs(self, theirs: str, *, over: bool = False) -> list[int]:
        """Numbers of the timer that another program calls so."""
        with self._journal.reading() as database:
            found = _table(database, "agenda").rows_where(
                "theirs = ? AND over <= ?", [theirs, int(over)]
            )
            return [row["id"] for row in found]

    def _insert(self, row: dict[str, Any], moment: Moment) -> Change:
        with self._journal.writing("keep it") as database:
            return changes.insert(database, "agenda", [row | {"created_at": stamp(moment.now)}])

    def _update(self, ids: list[int], values: dict[str, Any]) -> Change:
        with self._journal.writing("change it") as database:
            return changes.update(database, "agenda", ids, values)


def _paused(seconds: float) -> dict[str, Any]:
    """Columns of a timer that has this left when it goes on."""
    return {"left_s": seconds, "due_at": None, "boot": None, "boot_s": None}


def _ended(how: How, moment: Moment) -> dict[str, str]:
    return {"how": how.value, "ended_at": stamp(moment.now)}


def _table(database: Database, name: str) -> Any:  # sqlite-utils types its tables only in part
    return database.table(name)
