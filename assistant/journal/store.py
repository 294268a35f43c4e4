"""Writing exchanges as they happen, stage by stage, and reading them back.

Every call is one transaction that has reached the disk when the call returns. An exchange grows
in one row: ``hear`` (or ``typed``), ``transcribed``, ``answering``, then ``answered`` or
``failed``; whatever stage the power is cut in, the stages before it are kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database
from sqlite_utils.db import NotFoundError

from assistant.config import JournalSettings
from assistant.errors import JournalError
from assistant.journal import flac
from assistant.journal.connection import BUSY_S, connect, told
from assistant.journal.schema import transaction
from assistant.journal.turn import COLUMNS, TEXT_SOURCE, Turn, stamp
from assistant.values import Reply, Route, SoftPrompt, SpeechFeatures, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

_SELECT = ", ".join((*COLUMNS, "audio IS NOT NULL AS has_audio"))
_PAGE = 256


class Journal:
    """The database of exchanges; several threads may share one, several processes one file.

    Every method raises ``JournalError`` when the database cannot be read or written, and those
    that take a ``turn_id`` also when there is no such exchange.
    """

    path: Path
    database: Database  # for the maintenance that belongs to this package

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        """Open the file, creating or migrating it as needed.

        Args:
            path: the SQLite file.
            busy_s: how long to wait for another process's transaction.

        Raises:
            JournalError: if the file cannot be used; the sentence says why and what to do.
        """
        self.path = path
        self.database = connect(path, busy_s)
        self._lock = RLock()

    @classmethod
    def open(cls, settings: JournalSettings) -> Journal:
        """The journal that the settings name."""
        return cls(settings.path)

    def close(self) -> None:
        """Give the file back; closing twice is allowed."""
        with self._lock:
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def hear(self, utterance: Utterance) -> int:
        """Keep an utterance before anything else is done with it, and give its exchange's id."""
        return self._insert(
            started_at=stamp(utterance.started_at),
            source=utterance.source,
            seconds=utterance.seconds,
            end_reason=utterance.end_reason.value,
            audio=flac.encode(utterance.samples) if utterance.samples.size else None,
        )

    def typed(self, text: str) -> int:
        """Keep a typed question, which is its own transcript, and give its exchange's id."""
        return self._insert(
            started_at=stamp(datetime.now(timezone.utc)),
            source=TEXT_SOURCE,
            hypothesis=text,
            confidence=1.0,
        )

    def transcribed(self, turn_id: int, features: SpeechFeatures) -> None:
        """Add the encoder's hypothesis."""
        transcript = features.transcript
        self._update(
            turn_id,
            hypothesis=transcript.text,
            confidence=transcript.confidence,
            words=json.dumps([asdict(word) for word in transcript.words]),
            encoder=features.encoder,
        )

    def answering(
        self, turn_id: int, *, llm: str, route: Route, prompt: SoftPrompt | None = None
    ) -> None:
        """Add how the LLM is about to be asked.

        Args:
            turn_id: the exchange.
            llm: fingerprint of the LLM.
            route: the route taken.
            prompt: what the bridge made of the utterance, also when the transcript was preferred.
        """
        self._update(
            turn_id,
            llm=llm,
            route=route.value,
            bridge=prompt and prompt.bridge,
            heard=prompt and prompt.heard,
            bridge_confidence=prompt and prompt.confidence,
        )

    def answered(self, turn_id: int, reply: Reply) -> None:
        """Add the reply."""
        self._update(
            turn_id,
            reply=reply.text,
            route=reply.route.value,
            stop_reason=reply.stop_reason.value,
            timings=json.dumps(asdict(reply.timings)),
            replied_at=stamp(datetime.now(timezone.utc)),
        )

    def failed(self, turn_id: int, error: str) -> None:
        """Add why there is no reply, or why it broke off."""
        self._update(turn_id, error=error)

    def count(self) -> int:
        """How many exchanges there are."""
        with self._reading() as turns:
            return turns.count

    def turns(self, *, limit: int | None = None, since: datetime | None = None) -> Iterator[Turn]:
        """Exchanges without their recordings, newest first, read a page at a time.

        Args:
            limit: how many at most.
            since: leave out those that started before; a naive moment is local time.
        """
        from_moment = "" if since is None else stamp(since)
        before = sys.maxsize
        left = sys.maxsize if limit is None else limit
        while left > 0:
            with self._reading() as turns:
                rows = list(
                    turns.rows_where(
                        "id < ? and started_at >= ?",
                        [before, from_moment],
                        order_by="id desc",
                        select=_SELECT,
                        limit=min(left, _PAGE),
                    )
                )
            yield from map(self._turn, rows)
            if len(rows) < _PAGE:
                return
            before = rows[-1]["id"]
            left -= len(rows)

    def turn(self, turn_id: int) -> Turn:
        """One exchange without its recording."""
        return self._turn(self._row(turn_id, _SELECT))

    def flac(self, turn_id: int) -> bytes:
        """The recording of one exchange as a FLAC file.

        Raises:
            JournalError: also if the exchange has no recording.
        """
        row = self._row(turn_id, "audio, source")
        audio = row["audio"]
        if audio is None:
            why = "was typed" if row["source"] == TEXT_SOURCE else "held no sound"
            raise JournalError(
                f"Exchange {turn_id} {why}, so it has no recording. "
                f"'assistant log show {turn_id}' shows what there is."
            )
        return audio

    def audio(self, turn_id: int) -> NDArray[np.float32]:
        """The recording of one exchange, mono 16 kHz in [-1, 1], shape (n_samples,).

        Raises:
            JournalError: also if the exchange has no recording.
        """
        try:
            return flac.decode(self.flac(turn_id))
        except ValueError as error:
            raise JournalError(
                f"The recording of exchange {turn_id} in {self.path} is damaged ({error}). "
                "The other exchanges are not concerned."
            ) from error

    def _insert(self, **values: object) -> int:
        with self._writing("keep what was said") as turns:
            return int(turns.insert(_storable(values)).last_pk)

    def _update(self, turn_id: int, **values: object) -> None:
        with self._writing(f"add to exchange {turn_id}") as turns:
            try:
                turns.update(turn_id, _storable(values))
            except NotFoundError:
                raise self._unknown(turn_id) from None

    def _row(self, turn_id: int, select: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        if abs(turn_id) <= sys.maxsize:  # SQLite's integers end there
            with self._reading() as turns:
                rows = list(turns.rows_where("id = ?", [turn_id], select=select))
        if not rows:
            raise self._unknown(turn_id)
        return rows[0]

    @contextmanager
    def _reading(self) -> Generator[Any]:
        with self._lock, told(self.path, "read the journal"):
            yield self._turns()

    @contextmanager
    def _writing(self, doing: str) -> Generator[Any]:
        with self._lock, told(self.path, doing), transaction(self.database):
            yield self._turns()

    def _turns(self) -> Any:  # sqlite-utils types its tables only in part
        return self.database.table("turns")

    def _turn(self, row: dict[str, Any]) -> Turn:
        try:
            return Turn.from_row(row)
        except ValueError as error:
            raise JournalError(
                f"Exchange {row['id']} in {self.path} is not readable ({error}). "
                "If a newer Attune wrote it, update Attune."
            ) from error

    def _unknown(self, turn_id: int) -> JournalError:
        return JournalError(
            f"There is no exchange {turn_id} in {self.path}. "
            "'assistant log list' shows those there are."
        )


def _storable(values: dict[str, object]) -> dict[str, Any]:
    """Column values with text made encodable: a file's name may hold bytes that are not UTF-8."""
    return {name: _encodable(value) for name, value in values.items()}


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
