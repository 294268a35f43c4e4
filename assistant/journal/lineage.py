"""Records of trained bridges: their examples, loss curves and verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from assistant.errors import JournalError, TrainingError, reason
from assistant.journal.database import JournalDatabase, all_exist
from assistant.journal.turn import moment, stamp


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a training's loss curve."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    step: int
    seconds: float  # since the training began
    loss: float
    held_out: float | None  # loss on the held-out examples, if measured


_TURNS, _CURVE = TypeAdapter(tuple[int, ...]), TypeAdapter(tuple[CurvePoint, ...])
_VERDICT = TypeAdapter(dict[str, object])


@dataclass(frozen=True, slots=True)
class BridgeRecord:
    """The record of one trained bridge; it outlives the bridge's file."""

    id: int
    version: str
    created_at: datetime  # UTC
    head: str
    start: str  # "base", "scratch", or the version of the learned bridge it started from
    turns: tuple[int, ...]  # exchanges it was trained on, including those erased since
    curve: tuple[CurvePoint, ...]
    verdict: dict[str, object] | None
    accepted: bool | None
    erased_at: datetime | None  # UTC; when its file was destroyed along with an example


class Lineage:
    """The records of trained bridges in a journal.

    Every method raises ``JournalError`` when the database cannot be read or written.
    """

    def __init__(self, journal: JournalDatabase) -> None:
        self._journal = journal

    def trained(
        self,
        version: str,
        head: str,
        start: str,
        turns: Iterable[int],
        curve: Iterable[CurvePoint],
    ) -> int:
        """Record a bridge before its file is written, and return the record's id.

        The arguments are fields of ``BridgeRecord``.

        Raises:
            TrainingError: if one of the exchanges has been erased in the meantime.
        """
        ids = sorted(set(turns))
        points = json.dumps([asdict(point) for point in curve])
        now = stamp(datetime.now(timezone.utc))
        # One transaction: an erasure finds either the record or no bridge.
        with self._journal.writing("record what was learned") as database:
            if not all_exist(database, ids):
                raise TrainingError(
                    "Exchanges that were learned from have been erased, so what was learned is not "
                    "kept. Train again with 'assistant retrain'."
                )
            cursor = database.conn.execute(
                "INSERT INTO bridges (version, created_at, head, start, turns, curve) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [version, now, head, start, json.dumps(ids), points],
            )
        return int(cursor.lastrowid or 0)

    def judged(self, record_id: int, verdict: Mapping[str, object], *, accepted: bool) -> None:
        """Add the gate's verdict as JSON values: numbers only, nothing the user said."""
        with self._journal.writing("keep the verdict") as database:
            cursor = database.conn.execute(
                "UPDATE bridges SET verdict = ?, accepted = ? WHERE id = ?",
                [json.dumps(dict(verdict)), accepted, record_id],
            )
            if not cursor.rowcount:
                raise JournalError(
                    f"Nothing learned has the number {record_id} in "
                    f"{self._journal.path}. 'assistant bridge list' shows them all."
                )

    def records(self) -> list[BridgeRecord]:
        """All records, newest first."""
        with self._journal.reading() as database:
            rows = database.conn.execute(
                "SELECT id, version, created_at, head, start, turns, curve, verdict, accepted, "
                "erased_at FROM bridges ORDER BY id DESC"
            ).fetchall()
        return [self._record(row) for row in rows]

    def taught_by(self, turn_ids: Iterable[int]) -> list[BridgeRecord]:
        """Bridges not yet erased that learned from any of these exchanges, newest first.

        That includes bridges that started from one that did.
        """
        ids = set(turn_ids)
        newest_first = self.records()
        versions: set[str] = set()
        for record in reversed(newest_first):
            if record.start in versions or not ids.isdisjoint(record.turns):
                versions.add(record.version)
        return [each for each in newest_first if each.version in versions and not each.erased_at]

    def erased(self, version: str) -> None:
        """Note that the file of this version has been destroyed."""
        with self._journal.writing("note that something learned is erased") as database:
            database.conn.execute(
                "UPDATE bridges SET erased_at = ? WHERE version = ? AND erased_at IS NULL",
                [stamp(datetime.now(timezone.utc)), version],
            )

    def _record(self, row: tuple[Any, ...]) -> BridgeRecord:
        number, version, created_at, head, start, turns, curve, verdict, accepted, erased_at = row
        try:
            return BridgeRecord(
                id=number,
                version=version,
                created_at=moment(created_at),
                head=head,
                start=start,
                turns=_TURNS.validate_json(turns),
                curve=_CURVE.validate_json(curve),
                verdict=None if verdict is None else _VERDICT.validate_json(verdict),
                accepted=None if accepted is None else bool(accepted),
                erased_at=None if erased_at is None else moment(erased_at),
            )
        except (TypeError, ValueError) as error:
            raise JournalError(
                f"The record of version {version} in {self._journal.path} cannot be read "
                f"({reason(error)}). If a newer Attune wrote it, update Attune."
            ) from error
