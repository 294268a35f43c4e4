"""Writing exchanges as they happen, stage by stage, and reading them back.

Every call is one transaction that has reached the disk when it returns. An exchange is one row that
grows: ``hear`` (or ``typed``), ``transcribed``, ``answering``, then ``answered`` or ``failed``.
Whenever the power is cut, all completed stages survive.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database
from sqlite_utils.db import NotFoundError

from assistant.errors import JournalError, reason
from assistant.journal import deletion, rows
from assistant.journal.database import JournalDatabase, all_exist
from assistant.journal.retention import StoredTurn
from assistant.journal.rows import Row
from assistant.journal.turn import COLUMNS, TEXT_SOURCE, Taught, Turn, stamp
from assistant.spoken import shortest_s, spoken_form
from assistant.values import Reply, Route, SoftPrompt, SpeechFeatures, Utterance

if TYPE_CHECKING:  # texts can be listed without numpy, and recordings are only then unpacked
    import numpy as np
    from numpy.typing import NDArray

_SELECT = ", ".join((*COLUMNS, "audio IS NOT NULL AS has_audio"))
_PAGE = 256


class Journal(JournalDatabase):
    """The exchanges; several threads may share one journal, several processes one file.

    Every method raises ``JournalError`` if the database cannot be read or written, and those that
    take a ``turn_id`` also if there is no such exchange.
    """

    def hear(self, utterance: Utterance) -> int:
        """Store an utterance before anything else happens to it, and return its exchange's id."""
        return self._insert(rows.heard(utterance))

    def typed(self, text: str) -> int:
        """Store a typed question, which is its own transcript, and return its exchange's id."""
        return self._insert(rows.typed(text, datetime.now(timezone.utc)))

    def enrolled(self, utterance: Utterance, text: str, taught: Taught) -> int:
        """Store a recording with the text spoken in it, and return its exchange's id.

        Raises:
            JournalError: also if the recording or the text is empty.
        """
        if not utterance.samples.size:
            raise JournalError("The recording is empty. Record it again.")
        given = {"correction": _one_line(text), "taught": taught.value, "consent": 1}
        return self._insert(rows.heard(utterance) | given)

    def read_aloud(self) -> set[str]:
        """The sentences that have been read aloud to teach, as they are stored."""
        with self.reading() as database:
            found = database.conn.execute(
                "SELECT correction FROM turns WHERE taught = ?", [Taught.ENROLLED.value]
            ).fetchall()
        return {str(text) for (text,) in found}

    def newest_enrolled(self, most: int) -> tuple[int, ...]:
        """The newest exchanges in which a given text was read aloud, the newest first."""
        with self.reading() as database:
            # a correction stands in front of the recording in a row, so that few are gone through
            found = database.conn.execute(
                "SELECT id FROM turns WHERE correction IS NOT NULL AND taught = ? "
                "AND audio IS NOT NULL ORDER BY id DESC LIMIT ?",
                [Taught.ENROLLED.value, most],
            ).fetchall()
        return tuple(number for (number,) in found)

    def transcribed(self, turn_id: int, features: SpeechFeatures) -> None:
        """Add the encoder's hypothesis and the features to learn from."""
        self._update(turn_id, rows.transcribed(features), features)

    def answering(
        self, turn_id: int, *, llm: str, route: Route, prompt: SoftPrompt | None = None
    ) -> None:
        """Add how the LLM (its fingerprint) will be asked.

        The bridge's ``prompt`` is recorded even if the transcript was preferred.
        """
        self._update(turn_id, rows.answering(llm, route, prompt))

    def answered(self, turn_id: int, reply: Reply) -> None:
        """Add the reply."""
        self._update(turn_id, rows.answered(reply, datetime.now(timezone.utc)))

    def failed(self, turn_id: int, error: str) -> None:
        """Add why there is no reply, or why it broke off."""
        self._update(turn_id, rows.failed(error))

    def correct(self, turn_id: int, text: str) -> None:
        """Record what was really said, in spoken form: digits are spelled out.

        Raises:
            JournalError: also if there is no recording to learn from, the text is empty or cannot
                be learned, or the recording is too short for it.
        """
        turn = self._recorded(turn_id)
        try:
            words = spoken_form(_one_line(text))
        except ValueError as error:
            raise JournalError(
                f"That cannot be learned: it contains {error}. Write it as it is spoken."
            ) from None
        if turn.seconds is not None and turn.seconds < shortest_s(words):
            raise JournalError(
                f"Exchange {turn_id} lasts {turn.seconds:.1f} s, which is too short for these "
                f"words. Enter only what is heard in it: 'assistant log play {turn_id}'."
            )
        self._teach(turn, words, Taught.CORRECTED)

    def confirm(self, turn_id: int) -> str:
        """Record that what was understood, or its correction, is right, and return that text.

        Raises:
            JournalError: also if there is no recording to learn from, or nothing was understood.
        """
        turn = self._recorded(turn_id)
        if turn.correction is not None:
            return turn.correction
        if not (turn.understood or "").strip():
            raise JournalError(
                f"Nothing was understood in exchange {turn_id}. Listen with 'assistant log play "
                f"{turn_id}' and type it: 'assistant log correct {turn_id} \"...\"'."
            )
        text = _one_line(turn.understood or "")
        self._teach(turn, text, Taught.CONFIRMED)
        return text

    def put_back(self, turn: Turn) -> None:
        """Take back what a person has said about an exchange since it was read."""
        taught = turn.taught and turn.taught.value
        was = {"correction": turn.correction, "taught": taught, "consent": int(turn.consent)}
        self._update(turn.id, was)

    def consent(self, turn_id: int, *, allowed: bool) -> None:
        """Record whether Attune may learn from an exchange; if not, its features are deleted."""
        with self.writing(f"add to exchange {turn_id}") as database:
            self._change(database, turn_id, {"consent": int(allowed)})
            if not allowed:
                database.conn.execute("DELETE FROM features WHERE turn_id = ?", [turn_id])

    def keep_features(self, turn_id: int, features: SpeechFeatures) -> None:
        """Store features if they may be learned from, replacing those from the same encoder."""
        self._update(turn_id, {}, features)

    def features(self, turn_id: int, encoder: str) -> SpeechFeatures | None:
        """Features from the encoder with this fingerprint, in half precision, if stored."""
        from assistant.journal import features as stored_features  # noqa: PLC0415 - loads numpy

        self._row(turn_id, "id")
        with self.reading() as database:
            return stored_features.find(database, turn_id, encoder)

    def delete(self, turn_ids: Iterable[int]) -> int:
        """Delete exchanges with their features; returns how many existed."""
        return deletion.delete(self, turn_ids)

    def clear(self, *, keeping: str) -> int:
        """Delete everything but values whose names have this prefix; returns how many exchanges."""
        return deletion.clear(self, keeping=keeping)

    def exist(self, turn_ids: Iterable[int]) -> bool:
        """Whether all these exchanges exist now."""
        with self.reading() as database:
            return all_exist(database, set(turn_ids))

    def kept(self, *, since: datetime | None = None) -> list[StoredTurn]:
        """The size of each exchange since a moment (naive: local time), oldest first."""
        with self.reading() as database:
            # Sizes come from the row headers; no recording is read.
            found = database.conn.execute(
                "SELECT id, started_at, coalesce(length(audio), 0) + (SELECT "
                "coalesce(sum(length(frames)), 0) FROM features WHERE turn_id = turns.id), "
                "correction IS NOT NULL FROM turns WHERE started_at >= ? ORDER BY id",
                ["" if since is None else stamp(since)],
            ).fetchall()
        return [
            StoredTurn(number, at, n_bytes, bool(taught)) for number, at, n_bytes, taught in found
        ]

    def count(self) -> int:
        """How many exchanges there are."""
        with self.reading() as database:
            return _turns(database).count

    def turns(
        self,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        before: int | None = None,
    ) -> Iterator[Turn]:
        """Exchanges without recordings since a moment (naive: local time), newest first.

        They are read a page at a time; ``before``: only those with a lower number.
        """
        from_moment = "" if since is None else stamp(since)
        before = sys.maxsize if before is None else before
        left = sys.maxsize if limit is None else limit
        while left > 0:
            with self.reading() as database:
                page = list(
                    _turns(database).rows_where(
                        "id < ? and started_at >= ?",
                        [before, from_moment],
                        order_by="id desc",
                        select=_SELECT,
                        limit=min(left, _PAGE),
                    )
                )
            yield from map(self._turn, page)
            if len(page) < _PAGE:
                return
            before = page[-1]["id"]
            left -= len(page)

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
            raise self._silent(turn_id, row["source"], "it has no recording")
        return audio

    def audio(self, turn_id: int) -> NDArray[np.float32]:
        """The recording of one exchange, mono 16 kHz in [-1, 1], shape (n_samples,).

        Raises:
            JournalError: also if the exchange has no recording.
        """
        from assistant.journal import flac  # noqa: PLC0415 - loads numpy and soundfile

        try:
            return flac.decode(self.flac(turn_id))
        except ValueError as error:
            raise JournalError(
                f"The recording of exchange {turn_id} in {self.path} is damaged ({error}). "
                "The other exchanges are not affected."
            ) from error

    def _insert(self, row: Row) -> int:
        with self.writing("keep what was said") as database:
            return self._add(database, row)

    def _update(self, turn_id: int, row: Row, features: SpeechFeatures | None = None) -> None:
        with self.writing(f"add to exchange {turn_id}") as database:
            self._change(database, turn_id, row)
            if features is not None:
                from assistant.journal import features as stored_features  # noqa: PLC0415

                stored_features.insert(database, turn_id, features)

    def _add(self, database: Database, row: Row) -> int:
        """Add an exchange within a transaction."""
        return int(_turns(database).insert(rows.storable(row)).last_pk)

    def _change(self, database: Database, turn_id: int, row: Row) -> None:
        """Change columns, or only check that the exchange exists, within a transaction."""
        try:
            _turns(database).update(turn_id, rows.storable(row))
        except (NotFoundError, OverflowError):
            raise self._unknown(turn_id) from None

    def _recorded(self, turn_id: int) -> Turn:
        """The exchange, if it has a recording."""
        turn = self.turn(turn_id)
        if not turn.has_audio:
            raise self._silent(turn_id, turn.source, "there is nothing to learn from")
        return turn

    def _teach(self, turn: Turn, text: str, taught: Taught) -> None:
        is_given = turn.taught in (Taught.ENROLLED, Taught.IMPORTED)
        how = {} if is_given else {"taught": taught.value}
        self._update(turn.id, {"correction": text, **how})

    def _row(self, turn_id: int, select: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        if abs(turn_id) <= sys.maxsize:  # SQLite's integers end there
            with self.reading() as database:
                found = list(_turns(database).rows_where("id = ?", [turn_id], select=select))
        if not found:
            raise self._unknown(turn_id)
        return found[0]

    def _turn(self, row: dict[str, Any]) -> Turn:
        try:
            return Turn.from_row(row)
        except ValueError as error:
            raise JournalError(
                f"Exchange {row['id']} in {self.path} cannot be read ({reason(error)}). "
                "If a newer Attune wrote it, update Attune."
            ) from error

    def _silent(self, turn_id: int, source: str, so: str) -> JournalError:
        why = "was typed" if source == TEXT_SOURCE else "contains no sound"
        return JournalError(
            f"Exchange {turn_id} {why}, so {so}. 'assistant log show {turn_id}' shows its details."
        )

    def _unknown(self, turn_id: int) -> JournalError:
        return JournalError(
            f"There is no exchange {turn_id} in {self.path}. 'assistant log list' shows them all."
        )


def _turns(database: Database) -> Any:  # sqlite-utils types its tables only in part
    return database.table("turns")


def _one_line(text: str) -> str:
    """The text with single spaces; raises ``JournalError`` if nothing is left."""
    if line := " ".join(text.split()):
        return line
    raise JournalError("The text is empty. Enter the words that were said.")
