"""How the items of an agenda follow the clocks, and what happens when one of them is due.

A time of a repeating item is rung once, whatever becomes of the clock: those that come while the
device is off are written down as missed, except for the last, which rings late.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from sqlite_utils import Database

from assistant.household import changes
from assistant.household.clocks import Moment
from assistant.household.items import How, Item, stamp

LATE = timedelta(minutes=2)
"""From then on a ring is said to be late."""

KEPT = timedelta(days=31)
"""How far back missed times are written down; a clock may be wrong by a century."""

_DRIFT = timedelta(seconds=2)
"""Between the two clocks of a timer: then the one on the wall was set."""


def is_settled(item: Item, moment: Moment) -> bool:
    """Whether there is nothing to do about an item now."""
    now = moment.now.astimezone(timezone.utc)
    if item.due_at is None:  # paused
        return True
    if item.wall is not None:
        return item.due_at > now and item.zone == moment.zone and not _is_far(item, moment)
    left = item.left(moment)
    return left > timedelta(0) and abs(item.due_at - now - left) < _DRIFT


def follow(database: Database, item: Item, moment: Moment) -> None:
    """Follow the clocks; if the item is due, write its ring and its next time."""
    now = moment.now.astimezone(timezone.utc)
    wall = item.wall
    if wall is None:
        due = now + item.left(moment)
    else:
        since = max(now - KEPT, item.created_at if item.created_at < now else now - KEPT)
        if _is_far(item, moment):  # these times have not come after all
            database.conn.execute(
                "DELETE FROM rings WHERE item = ? AND how = ? AND due_at > ?",
                [item.id, How.MISSED.value, stamp(now)],
            )
            wall = _next(_local(now, moment), wall, item.days)
        elif item.days and item.due_at is not None and item.due_at <= since:
            wall = _next(_local(since, moment), wall, item.days)  # the clock was once far behind
        due = instant(wall, moment)
    come: list[datetime] = []
    while due <= now:
        come.append(due)
        if wall is None or not item.days:
            break
        wall = _next(wall, wall, item.days)
        due = instant(wall, moment)
    for at in come:
        _begin(database, item, at, now, None if at == come[-1] else How.MISSED)
    values: dict[str, object] = {"due_at": stamp(due), "over": int(due <= now)}
    if wall is not None:
        values |= {"wall": wall.isoformat(), "zone": moment.zone}
    changes.update(database, "agenda", [item.id], values)


def instant(wall: datetime, moment: Moment) -> datetime:
    """When the clock on the wall shows this, in UTC.

    A time that summer time skips comes an hour later by the clock, one that comes twice the first
    time.
    """
    return wall.replace(tzinfo=moment.now.tzinfo, fold=0).astimezone(timezone.utc)


def _begin(database: Database, item: Item, due: datetime, now: datetime, how: How | None) -> None:
    """Write a ring, unless this time has rung before; earlier ones of the item end."""
    written = database.conn.execute(
        "INSERT OR IGNORE INTO rings (item, kind, name, due_at, began_at, late, how, ended_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            item.id,
            item.kind.value,
            item.name,
            stamp(due),
            stamp(now),
            int(now - due > LATE),
            None if how is None else how.value,
            None if how is None else stamp(now),
        ],
    )
    if written.rowcount and how is None:
        database.conn.execute(
            "UPDATE rings SET how = iif(said = 0, ?, ?), ended_at = ? "
            "WHERE item = ? AND how IS NULL AND id <> ?",
            [How.MISSED.value, How.UNANSWERED.value, stamp(now), item.id, written.lastrowid],
        )


def _is_far(item: Item, moment: Moment) -> bool:
    """Whether times would be left out: the clock was once ahead, and has been set back.

    One may be: that which has just rung, if the clock then went back a little, or another zone was
    entered.
    """
    if item.wall is None or not item.days:
        return False
    local = _local(moment.now, moment)
    return item.wall > _next(_next(local, item.wall, item.days), item.wall, item.days)


def _next(after: datetime, at: datetime, days: frozenset[int]) -> datetime:
    """The first time after a local one that has the hour and minute of ``at`` on such a day."""
    day: date = after.date()
    while True:
        found = datetime.combine(day, at.time())
        if found > after and day.weekday() in days:
            return found
        day += timedelta(days=1)


def _local(at: datetime, moment: Moment) -> datetime:
    return at.astimezone(moment.now.tzinfo).replace(tzinfo=None, fold=0)
