"""Timers, alarms and reminders: kept, due, ringing, answered.

A timer counts elapsed time. Alarms and reminders stand at a time of the clock on the wall and
follow it: through summer time, another time zone and a clock that is set. When a time has come, its
*ring* is written down together with the next time, in one transaction, so that neither a power cut
nor a jump of the clock can lose it or have it ring anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum
from typing import Any

from sqlite_utils import Database

from assistant.household import changes
from assistant.household.changes import Change
from assistant.household.clocks import Moment
from assistant.journal.database import JournalDatabase

LATE = timedelta(minutes=2)
"""From then on a ring is said to be late."""

_WEEK = 7


class Kind(str, Enum):
    """What an item is."""

    TIMER = "timer"
    ALARM = "alarm"
    REMINDER = "reminder"


class How(str, Enum):
    """How a ring ended."""

    DONE = "done"  # the user says that it is done
    STOPPED = "stopped"  # the user wanted silence
    SNOOZED = "snoozed"
    UNANSWERED = "unanswered"
    MISSED = "missed"  # a later time of the same item came while the device was off


@dataclass(frozen=True, slots=True)
class Item:
    """A timer, an alarm or a reminder that is still to come."""

    id: int
    kind: Kind
    name: str  # what it is about; may be empty
    due_at: datetime | None  # UTC; None: a paused timer
    wall: datetime | None  # naive local time; None: a timer
    days: frozenset[int]  # weekdays on which it repeats, Monday is 0; empty: once
    boot: str | None  # of a running timer: when the device was switched on, and
    boot_s: float | None  # when it is due, counted from then
    left_s: float | None  # of a paused timer
    length_s: float | None  # of a timer

    def left(self, moment: Moment) -> timedelta:
        """Time until it is due; of a paused timer, when it goes on."""
        if self.left_s is not None:
            return timedelta(seconds=self.left_s)
        if self.boot == moment.boot and self.boot_s is not None:
            return timedelta(seconds=self.boot_s - moment.boot_s)
        due = self.due_at or moment.now
        return due - moment.now


@dataclass(frozen=True, slots=True)
class Ring:
    """A time that has come."""

    id: int
    item: int
    kind: Kind
    name: str
    due_at: datetime  # UTC
    late: bool  # noticed more than ``LATE`` after that
    said: int  # times
    how: How | None  # None: it is not over
    ended_at: datetime | None = None  # UTC


class Agenda:
    """The items and rings in a journal.

    Every method raises ``JournalError`` when the database cannot be read or written.
    """

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def start_timer(self, length: timedelta, name: str, moment: Moment) -> Change:
        """A timer that runs from now on."""
        row = {
            "kind": Kind.TIMER.value,
            "name": name,
            "created_at": _stamp(moment.now),
            "length_s": length.total_seconds(),
        }
        return self._insert(row | _running(length.total_seconds(), moment))

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
        return self._insert(
            {
                "kind": kind.value,
                "name": name,
                "created_at": _stamp(moment.now),
                "wall": wall.isoformat(),
                "zone": moment.zone,
                "days": "".join(map(str, sorted(days))),
                "due_at": _stamp(_instant(wall, moment)),
            }
        )

    def items(self, *kinds: Kind) -> list[Item]:
        """What is still to come, the next first; paused timers come last."""
        wanted = [kind.value for kind in kinds or Kind]
        marks = ", ".join("?" * len(wanted))
        with self._journal.reading() as database:
            found = _agenda(database).rows_where(
                f"over = 0 AND kind IN ({marks})", wanted, order_by="due_at IS NULL, due_at, id"
            )
            return [_item(row) for row in found]

    def cancel(self, ids: Iterable[int]) -> Change:
        """Remove items."""
        with self._journal.writing("cancel it") as database:
            return changes.delete(database, "agenda", list(ids))

    def pause(self, item: Item, moment: Moment) -> Change:
        """Stop the time of a timer."""
        left = max(item.left(moment).total_seconds(), 0.0)
        stopped = {"left_s": left, "due_at": None, "boot": None, "boot_s": None}
        return self._update([item.id], stopped)

    def run(self, item: Item, length: timedelta, moment: Moment) -> Change:
        """Let a timer run for this long from now on."""
        return self._update([item.id], _running(length.total_seconds(), moment))

    def undo(self, change: Change) -> None:
        """Take a change back."""
        with self._journal.writing("take it back") as database:
            changes.undo(database, change)

    def tick(self, moment: Moment) -> list[Ring]:
        """Notice what is due, and return what rings, the oldest first; cheap when nothing is."""
        now = moment.now.astimezone(timezone.utc)
        with self._journal.reading() as database:
            waiting = [_item(row) for row in _agenda(database).rows_where("over = 0")]
            zones = {str(row["zone"]) for row in _agenda(database).rows_where("wall IS NOT NULL")}
        moved = zones - {moment.zone}
        if moved or any(_is_due(each, moment, now) or _far(each, moment) for each in waiting):
            with self._journal.writing("keep what is due") as database:
                for row in list(_agenda(database).rows_where("over = 0")):
                    self._advance(database, row, moment, now)
        return self.rings()

    def rings(self) -> list[Ring]:
        """What rings, the oldest first."""
        with self._journal.reading() as database:
            found = _table(database, "rings").rows_where("how IS NULL", order_by="due_at, id")
            return [_ring(row) for row in found]

    def said(self, ring: Ring, moment: Moment) -> None:
        """It was said once more."""
        with self._journal.writing("keep that it was said") as database:
            changes.update(
                database, "rings", [ring.id], {"said": ring.said + 1, "said_at": _stamp(moment.now)}
            )

    def end(self, rings: Iterable[Ring], how: How, moment: Moment) -> Change:
        """These ring no more."""
        values = {"how": how.value, "ended_at": _stamp(moment.now)}
        with self._journal.writing("keep how it ended") as database:
            return changes.update(database, "rings", [each.id for each in rings], values)

    def snooze(self, rings: Iterable[Ring], length: timedelta, moment: Moment) -> Change:
        """These ring again after a while; what is undone is the new time."""
        rows = [
            {
                "kind": each.kind.value,
                "name": each.name,
                "created_at": _stamp(moment.now),
                **_running(length.total_seconds(), moment),
            }
            for each in rings
        ]
        values = {"how": How.SNOOZED.value, "ended_at": _stamp(moment.now)}
        with self._journal.writing("keep it") as database:
            changes.update(database, "rings", [each.id for each in rings], values)
            return changes.insert(database, "agenda", rows)

    def past(self, since: datetime) -> list[Ring]:
        """What was due since a moment, and is over, the oldest first."""
        with self._journal.reading() as database:
            found = _table(database, "rings").rows_where(
                "due_at >= ? AND how IS NOT NULL", [_stamp(since)], order_by="due_at, id"
            )
            return [_ring(row) for row in found]

    def _advance(
        self, database: Database, row: dict[str, Any], moment: Moment, now: datetime
    ) -> None:
        """Follow the clock on the wall; if the item is due, write its ring and its next time."""
        item = _item(row)
        wall = item.wall
        if wall is not None and (row["zone"] != moment.zone or _far(item, moment)):
            if _far(item, moment):  # the clock was once set far ahead
                wall = _next(moment.now.replace(tzinfo=None), wall, item.days)
            item = _replaced(item, wall, _instant(wall, moment))
            values = {"wall": wall.isoformat(), "zone": moment.zone, "due_at": _stamp(item.due_at)}
            changes.update(database, "agenda", [item.id], values)
        if not _is_due(item, moment, now):
            return
        due = item.due_at or now
        if item.boot is not None and item.boot == moment.boot:  # the clock may have been set
            due = now + item.left(moment)
        while wall is not None and item.days:
            after = _next(wall, wall, item.days)
            if (instant := _instant(after, moment)) > now:
                break
            _begin(database, item, due, now, How.MISSED)
            wall, due = after, instant
        _begin(database, item, due, now, None)
        if wall is None or not item.days:
            changes.update(database, "agenda", [item.id], {"over": 1})
            return
        wall = _next(wall, wall, item.days)
        values = {"wall": wall.isoformat(), "due_at": _stamp(_instant(wall, moment))}
        changes.update(database, "agenda", [item.id], values)

    def _insert(self, row: dict[str, Any]) -> Change:
        with self._journal.writing("keep it") as database:
            return changes.insert(database, "agenda", [row])

    def _update(self, ids: list[int], values: dict[str, Any]) -> Change:
        with self._journal.writing("change it") as database:
            return changes.update(database, "agenda", ids, values)


def _is_due(item: Item, moment: Moment, now: datetime) -> bool:
    if item.boot is not None and item.boot == moment.boot and item.boot_s is not None:
        return moment.boot_s >= item.boot_s
    return item.due_at is not None and item.due_at <= now


def _far(item: Item, moment: Moment) -> bool:
    """Whether a repeating item is further ahead than it can be."""
    far = moment.now.replace(tzinfo=None) + timedelta(days=_WEEK + 1)
    return bool(item.days) and item.wall is not None and item.wall > far


def _begin(database: Database, item: Item, due: datetime, now: datetime, how: How | None) -> None:
    """Write a ring, unless this time has rung before."""
    database.conn.execute(
        "INSERT OR IGNORE INTO rings (item, kind, name, due_at, began_at, late, how) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            item.id,
            item.kind.value,
            item.name,
            _stamp(due),
            _stamp(now),
            int(now - due > LATE),
            None if how is None else how.value,
        ],
    )


def _next(after: datetime, at: datetime, days: frozenset[int]) -> datetime:
    """The first time after a local one that has the hour and minute of ``at`` on such a day."""
    day: date = after.date()
    while True:
        found = datetime.combine(day, at.time())
        if found > after and day.weekday() in days:
            return found
        day += timedelta(days=1)


def _instant(wall: datetime, moment: Moment) -> datetime:
    """When the clock on the wall shows this, in UTC.

    A time that summer time skips comes an hour later by the clock, one that comes twice the first
    time.
    """
    return wall.replace(tzinfo=moment.now.tzinfo, fold=0).astimezone(timezone.utc)


def _running(seconds: float, moment: Moment) -> dict[str, Any]:
    return {
        "due_at": _stamp(moment.now + timedelta(seconds=seconds)),
        "boot": moment.boot,
        "boot_s": moment.boot_s + seconds,
        "left_s": None,
    }


def _replaced(item: Item, wall: datetime, due_at: datetime) -> Item:
    return Item(item.id, item.kind, item.name, due_at, wall, item.days, None, None, None, None)


def _item(row: dict[str, Any]) -> Item:
    return Item(
        row["id"],
        Kind(row["kind"]),
        row["name"],
        None if row["due_at"] is None else datetime.fromisoformat(row["due_at"]),
        None if row["wall"] is None else datetime.fromisoformat(row["wall"]),
        frozenset(map(int, row["days"])),
        row["boot"],
        row["boot_s"],
        row["left_s"],
        row["length_s"],
    )


def _ring(row: dict[str, Any]) -> Ring:
    return Ring(
        row["id"],
        row["item"],
        Kind(row["kind"]),
        row["name"],
        datetime.fromisoformat(row["due_at"]),
        bool(row["late"]),
        row["said"],
        None if row["how"] is None else How(row["how"]),
        None if row["ended_at"] is None else datetime.fromisoformat(row["ended_at"]),
    )


def _stamp(at: datetime | None) -> str | None:
    """A moment as the tables hold it: UTC, of one length, so that texts sort as moments do."""
    return None if at is None else at.astimezone(timezone.utc).isoformat(timespec="microseconds")


def _agenda(database: Database) -> Any:
    return _table(database, "agenda")


def _table(database: Database, name: str) -> Any:  # sqlite-utils types its tables only in part
    return database.table(name)
