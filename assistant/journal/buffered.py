"""A journal that tolerates an unavailable disk: what cannot be written yet waits in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_utils import Database

from assistant.config import JournalSettings
from assistant.errors import JournalError, StorageError
from assistant.journal import rows
from assistant.journal.retention import MEGABYTE
from assistant.journal.rows import Row
from assistant.journal.store import Journal
from assistant.journal.turn import COLUMNS, Turn
from assistant.values import Reply, Route, SoftPrompt, SpeechFeatures, Utterance

if TYPE_CHECKING:
    from typing_extensions import Self

ANSWER_BUSY_S = 2.0
"""How long another program's transaction may delay an answer."""

WAITING = 50
"""Most exchanges that wait."""

RETRY_S = 5.0
"""Time between attempts while nobody speaks; doubled up to ``LONGEST_RETRY_S``."""

LONGEST_RETRY_S = 60.0  # a recording that does not fit is partly written each time

_HURRY_MS = 50  # wait for other transactions while anything is waiting here
_CATCH_UP_S = 0.2  # time for waiting recordings before they keep a person waiting
_LAST_S = 2.0  # the same on closing: the process has 5 s to end


@dataclass(slots=True, eq=False)
class _Exchange:
    """One exchange of this process, with what is known of it and not yet on the disk."""

    handle: int  # its number while it has no row
    known: Row  # everything but the recording
    late: Row  # the part that is not on the disk
    audio: bytes | None  # FLAC, until it is on the disk
    has_audio: bool
    id: int | None = None
    features: SpeechFeatures | None = None  # until they are on the disk
    is_withdrawn: bool = False  # its row must be deleted

    @property
    def number(self) -> int:
        return self.handle if self.id is None else self.id

    @property
    def waits(self) -> bool:
        has_rest = self.audio is not None or self.features is not None
        return bool(self.late) or has_rest or self.is_withdrawn

    def turn(self) -> Turn:
        row = dict.fromkeys(COLUMNS) | {"consent": 1} | self.known
        return Turn.from_row(row | {"id": self.number, "has_audio": self.has_audio})


class BufferedJournal(Journal):
    """The journal of a conversation: a full, locked or read-only disk never stops an exchange.

    The stages of an exchange, from ``hear`` to ``answered`` or ``failed``, reach the disk before
    they return, as in ``Journal``, if the disk accepts them. Otherwise they wait in memory, are
    retried with the next exchange and by ``retry``, and are written in their original order: all
    rows in one transaction, so none twice, then recordings and features. An exchange without a row
    has a negative number, which is valid until the next exchange begins.

    Everything else raises ``JournalError`` as in ``Journal``.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_s: float = ANSWER_BUSY_S,
        waiting_mb: int = 32,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open the file, creating or migrating it as needed.

        Args:
            path: the SQLite file.
            busy_s: how long to wait for another process's transaction.
            waiting_mb: most memory for waiting recordings and features; beyond it the oldest are
                dropped, features first, since they can be computed again.
            tell: called with a sentence when something begins to wait and when all is written.

        Raises:
            JournalError: if the file cannot be used.
        """
        super().__init__(path, busy_s=busy_s)
        self._tell = tell
        self._most_bytes = waiting_mb * MEGABYTE
        self._handle = 0
        self._current: _Exchange | None = None
        self._waiting: list[_Exchange] = []  # oldest first
        self._why = ""
        self._is_reported = False
        self._lost_recordings = self._lost_exchanges = 0
        self._pause_s = 0.0
        self._again_at = 0.0  # monotonic seconds
        self._warnings: tuple[str, ...] = ()

    @classmethod
    def open(cls, settings: JournalSettings, tell: Callable[[str], None] = lambda _: None) -> Self:
        """The journal that the settings name."""
        return cls(settings.path, waiting_mb=settings.tuned.waiting_mb, tell=tell)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Current problems, in sentences; none while everything is on the disk. Thread-safe."""
        return self._warnings

    def retry(self) -> None:
        """Write what is waiting if a retry is due; call it often while nobody speaks."""
        with self._lock:
            if self._waiting and time.monotonic() >= self._again_at:
                self._catch_up(_CATCH_UP_S)

    def close(self) -> None:
        """Write what is waiting, or report that it is lost, and close the file."""
        with self._lock:
            if self._waiting:
                self._catch_up(_LAST_S)
            for exchange in self._waiting:
                self._lose(exchange)
            if self._has_lost:
                self._tell(f"{self._why} {self._lost} at the end.")
            self._waiting = []
            super().close()

    def hear(self, utterance: Utterance) -> int:
        """Store an utterance before anything else happens to it, and return its number."""
        return self._begin(rows.heard(utterance))

    def typed(self, text: str) -> int:
        """Store a typed question, and return its exchange's number."""
        return self._begin(rows.typed(text, datetime.now(timezone.utc)))

    def transcribed(self, turn_id: int, features: SpeechFeatures) -> None:
        """Add the encoder's hypothesis and the features to learn from."""
        self._stage(turn_id, rows.transcribed(features), features)

    def answering(
        self, turn_id: int, *, llm: str, route: Route, prompt: SoftPrompt | None = None
    ) -> None:
        """Add how the LLM will be asked, as ``Journal.answering``."""
        self._stage(turn_id, rows.answering(llm, route, prompt))

    def answered(self, turn_id: int, reply: Reply) -> None:
        """Add the reply."""
        self._stage(turn_id, rows.answered(reply, datetime.now(timezone.utc)))
        self._end()

    def failed(self, turn_id: int, error: str) -> None:
        """Add why there is no reply, or why it broke off."""
        self._stage(turn_id, rows.failed(error))
        self._end()

    def turn(self, turn_id: int) -> Turn:
        """One exchange without its recording, from memory if it waits there."""
        with self._lock:
            exchange = self._find(turn_id)
            if exchange is None:
                return super().turn(turn_id)
            if exchange in self._waiting:
                return exchange.turn()
            try:
                return super().turn(exchange.number)
            except StorageError:
                return exchange.turn()

    def withdraw(self, turn_id: int) -> None:
        """Delete all of the current exchange, now or as soon as the disk allows it."""
        with self._lock:
            exchange = self._find(turn_id)
            if exchange is None:
                self.delete([turn_id])
                return
            exchange.late, exchange.audio, exchange.features = {}, None, None
            exchange.is_withdrawn = exchange.id is not None
            self._wait(exchange)
            self._catch_up(_CATCH_UP_S)

    @contextmanager
    def writing(self, doing: str) -> Generator[Database]:
        """As ``Journal.writing``, with little patience for other programs while anything waits."""
        with self._lock:
            self._follow_file()
            hurry = self._waiting_only(_HURRY_MS) if self._waiting else nullcontext()
            with hurry, super().writing(doing) as database:
                yield database

    def _follow_file(self) -> None:
        """If the file was moved or deleted, go on in a new one with what is being said.

        Raises:
            StorageError: if there can be no new one.
        """
        try:
            if not self.reopen_moved():
                return
        except JournalError as error:
            raise StorageError(str(error)) from error
        self._tell(
            f"The journal {self.path} was moved or deleted while Attune was running. A new one was "
            "begun there; to go on with the old one, stop Attune and move it back."
        )
        for exchange in list(self._known()):
            exchange.handle, exchange.id = exchange.number, None
            exchange.late = {} if exchange.is_withdrawn else dict(exchange.known)
            exchange.is_withdrawn = False
            self._wait(exchange)

    def _begin(self, row: Row) -> int:
        audio = row.pop("audio", None)
        with self._lock:
            with suppress(StorageError):  # which the first attempt to write reports
                self._follow_file()
            self._handle -= 1
            exchange = _Exchange(
                self._handle, rows.storable(row), row, audio, has_audio=audio is not None
            )
            self._current = exchange
            if self._waiting:
                self._wait(exchange)
                self._catch_up(_CATCH_UP_S)
            else:
                try:
                    exchange.id = self._insert(row | {"audio": audio})
                except StorageError as error:
                    self._refused(exchange, error)
                else:
                    exchange.late, exchange.audio = {}, None
            return exchange.number

    def _stage(self, turn_id: int, row: Row, features: SpeechFeatures | None = None) -> None:
        with self._lock:
            with suppress(StorageError):
                self._follow_file()
            exchange = self._find(turn_id)
            if exchange is None:
                self._update(turn_id, row, features)
                return
            exchange.known |= rows.storable(row)
            if exchange.late:  # must be written first
                exchange.late |= row
                exchange.features = features or exchange.features
                return
            try:
                self._update(exchange.number, row, features)
            except StorageError as error:
                exchange.late, exchange.features = row, features or exchange.features
                self._refused(exchange, error)

    def _end(self) -> None:
        """The exchange is over, so nobody is waiting for an answer."""
        with self._lock:
            if self._waiting:
                self._catch_up(_CATCH_UP_S)

    def _find(self, turn_id: int) -> _Exchange | None:
        return next((each for each in self._known() if turn_id in (each.id, each.handle)), None)

    def _known(self) -> list[_Exchange]:
        if self._current is None or self._current in self._waiting:
            return self._waiting
        return [*self._waiting, self._current]

    def _refused(self, exchange: _Exchange, error: StorageError) -> None:
        """The disk rejected an exchange; its row alone may still fit."""
        self._why = str(error)
        self._wait(exchange)
        self._catch_up(_CATCH_UP_S)

    def _wait(self, exchange: _Exchange) -> None:
        if exchange not in self._waiting:
            self._waiting.append(exchange)

    def _catch_up(self, seconds: float) -> None:
        """Write what is waiting, up to the first refusal; start no recording after ``seconds``."""
        self._keep_within_bounds()
        try:
            self._follow_file()
            self._write_rows()
            self._write_recordings(time.monotonic() + seconds)
            self._pause_s = 0.0
        except StorageError as error:
            self._why = str(error)
            self._pause_s = min(max(RETRY_S, 2 * self._pause_s), LONGEST_RETRY_S)
        self._again_at = time.monotonic() + self._pause_s
        self._waiting = [each for each in self._waiting if each.waits]
        self._report()

    def _write_rows(self) -> None:
        late = [each for each in self._waiting if each.late or each.is_withdrawn]
        if not late:
            return
        with self.writing("keep what was said") as database:
            ids = [self._write_row(database, each) for each in late]
        for exchange, number in zip(late, ids, strict=True):
            exchange.id, exchange.late, exchange.is_withdrawn = number, {}, False

    def _write_row(self, database: Database, exchange: _Exchange) -> int:
        if exchange.id is None:
            return self._add(database, exchange.late)
        if exchange.is_withdrawn:
            database.conn.execute("DELETE FROM turns WHERE id = ?", [exchange.id])
            return exchange.id
        try:
            self._change(database, exchange.id, exchange.late)
        except JournalError:
            exchange.audio = exchange.features = None  # it has been erased in the meantime
        return exchange.id

    def _write_recordings(self, until: float) -> None:
        for exchange in reversed(self._waiting):  # the newest will be answered next
            self._write_recording(exchange)
            if time.monotonic() > until:
                return

    def _write_recording(self, exchange: _Exchange) -> None:
        try:
            if exchange.audio is not None:
                self._update(exchange.number, {"audio": exchange.audio})
                exchange.audio = None
            if exchange.features is not None:
                self._update(exchange.number, {}, exchange.features)
        except StorageError:
            raise
        except JournalError:
            exchange.audio = None  # it has been erased in the meantime
        exchange.features = None

    def _keep_within_bounds(self) -> None:
        had_lost = self._has_lost
        while len(self._waiting) > WAITING:
            self._lose(self._waiting.pop(0))
        excess = -self._most_bytes
        for each in self._waiting:
            excess += len(each.audio or b"")
            excess += each.features.frames.nbytes if each.features else 0
        for each in self._waiting:
            if excess > 0 and each.features is not None:
                excess -= each.features.frames.nbytes
                each.features = None
        for each in self._waiting:
            if excess > 0 and each.audio is not None:
                excess -= len(each.audio)
                each.audio, each.has_audio = None, False
                self._lost_recordings += 1
        if self._has_lost and not had_lost:
            self._tell("Too much is waiting to be written to the journal; the oldest is dropped.")

    def _lose(self, exchange: _Exchange) -> None:
        self._lost_exchanges += bool(exchange.late)
        self._lost_recordings += not exchange.late and exchange.audio is not None

    @property
    def _has_lost(self) -> bool:
        return self._lost_exchanges + self._lost_recordings > 0

    @property
    def _lost(self) -> str:
        return (
            f"Lost: {_count(self._lost_exchanges, 'exchange')}, "
            f"{_count(self._lost_recordings, 'recording')}"
        )

    def _report(self) -> None:
        """Report what has changed since the last call."""
        if self._waiting:
            if not self._is_reported:
                self._tell(
                    f"{self._why} Attune goes on answering; conversations wait in memory until "
                    "they can be saved."
                )
            waits = f"Waiting in memory: {_count(len(self._waiting), 'exchange')}."
            self._warnings = (f"{self._why} {waits}", *[f"{self._lost}."] * self._has_lost)
            self._is_reported = True
            return
        if self._is_reported:
            lost = f" {self._lost}." * self._has_lost
            self._tell(f"Everything that waited in memory is saved now.{lost}")
        self._warnings = ()
        self._is_reported = False
        self._lost_exchanges = self._lost_recordings = 0


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
