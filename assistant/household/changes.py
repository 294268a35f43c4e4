"""Changes to the household's tables that can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlite_utils import Database

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that were written or deleted together."""

    table: str
    ids: tuple[int, ...]  # of all of them
    before: tuple[Row, ...]  # those that existed, as they were
    also: Change | None = None  # in another table

    def __and__(self, other: Change) -> Change:
        """Both of them, as one."""
        return replace(self, also=other if self.also is None else self.also & other)


def insert(database: Database, table: str, rows: Sequence[Mapping[str, Any]]) -> Change:
    """Add rows within a transaction."""
    written = tuple(int(_table(database, table).insert(dict(row)).last_pk) for row in rows)
    return Change(table, written, ())


def update(database: Database, table: str, ids: Sequence[int], values: Mapping[str, Any]) -> Change:
    """Set columns of rows within a transaction; those that do not exist are left out."""
    before = _rows(database, table, ids)
    for row in before:
        _table(database, table).update(row["id"], dict(values))
    return Change(table, tuple(row["id"] for row in before), before)


def delete(database: Database, table: str, ids: Sequence[int]) -> Change:
    """Delete rows within a transaction; those that do not exist are left out."""
    before = _rows(database, table, ids)
    for row in before:
        _table(database, table).delete(row["id"])
    return Change(table, tuple(row["id"] for row in before), before)


def undo(database: Database, change: Change) -> None:
    """Bring the rows back to what they were, within a transaction."""
    for number in change.ids:
        _table(database, change.table).delete_where("id = ?", [number])
    _table(database, change.table).insert_all(change.before)
    if change.also is not None:
        undo(database, change.also)


def _rows(database: Database, table: str, ids: Sequence[int]) -> tuple[Row, ...]:
    found: list[Row] = []
    for number in ids:
        found += _table(database, table).rows_where("id = ?", [number])
    return tuple(found)


def _table(database: Database, name: str) -> Any:  # sqlite-utils types its tables only in part
    return database.table(name)
