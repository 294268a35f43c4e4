"""What an agenda holds, as values and as rows: items that are to come, and rings that have come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from assistant.household.clocks import Moment
from assistant.journal.turn import moment

_MOST_S = 1e10
"""Longest time, three centuries; with more, moments overflow."""


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
    MISSED = "missed"  # nobody heard it before a later time of the same item came


@dataclass(frozen=True, slots=True)
class Item:
    """A timer, an alarm or a reminder that is still to come."""

    id: int
    kind: Kind
    name: str  # what it is about; may be empty
    due_at: datetime | None  # UTC; None: a paused timer
    wall: datetime | None  # naive local time; None: a timer, or something snoozed
    zone: str | None  # in which that is
    days: frozenset[int]  # weekdays on which it repeats, Monday is 0; empty: once
    boot: str | None  # of a running timer: when the device was switched on, and
    boot_s: float | None  # when it is due, counted from then
    left_s: float | None  # of a paused timer
    length_s: float | None  # of a timer
    created_at: datetime  # UTC

    def left(self, moment: Moment) -> timedelta:
        """Time until it is due; of a paused timer, when it goes on."""
        if self.left_s is not None:
            return timedelta(seconds=self.left_s)
        if self.boot == moment.boot and self.boot_s is not None:
            return timedelta(seconds=self.boot_s - moment.boot_s)
        due = self.due_at or moment.now
        return due - moment.now.astimezone(timezone.utc)


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
    ended_at: datetime | None = None  # UTC; None also if it was missed


def to_item(row: dict[str, Any]) -> Item:
    """From a row of the table ``agenda``; ``ValueError`` if it is not one that ``Agenda`` wrote."""
    return Item(
        row["id"],
        Kind(row["kind"]),
        row["name"],
        None if row["due_at"] is None else moment(row["due_at"]),
        None if row["wall"] is None else _wall(row["wall"]),
        row["zone"],
        _days(row["days"]),
        row["boot"],
        _seconds(row["boot_s"]),
        _seconds(row["left_s"]),
        _seconds(row["length_s"]),
        moment(row["created_at"]),
    )


def to_ring(row: dict[str, Any]) -> Ring:
    """From a row of the table ``rings``; errors as ``to_item``."""
    return Ring(
        row["id"],
        row["item"],
        Kind(row["kind"]),
        row["name"],
        moment(row["due_at"]),
        bool(row["late"]),
        row["said"],
        None if row["how"] is None else How(row["how"]),
        None if row["ended_at"] is None else moment(row["ended_at"]),
    )


def _wall(text: str) -> datetime:
    moment(f"{text}+00:00")
    return datetime.fromisoformat(text)


def _days(text: str) -> frozenset[int]:
    if not set(text) <= set("0123456"):
        raise ValueError(f"{text!r} are no weekdays")
    return frozenset(map(int, text))


def _seconds(value: float | None) -> float | None:
    if value is not None and not abs(value) <= _MOST_S:
        raise ValueError(f"{value} s is no length of time")
    return value


def running(seconds: float, moment: Moment) -> dict[str, Any]:
    """Columns of what is due this long from now, whatever becomes of the clock."""
    return {
        "due_at": stamp(moment.now.astimezone(timezone.utc) + timedelta(seconds=seconds)),
        "boot": moment.boot,
        "boot_s": moment.boot_s + seconds,
        "left_s": None,
    }


def stamp(at: datetime) -> str:
    """A moment as the tables hold it: UTC, of one length, so that texts sort as moments do."""
    return at.astimezone(timezone.utc).isoformat(timespec="microseconds")
