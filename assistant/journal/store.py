"""Writing exchanges as they happen, stage by stage, and reading them back.

Every call is one transaction that has reached the disk when the call returns. An exchange grows
in one row: ``hear`` (or ``typed``), ``transcribed``, ``answering``, then ``answered`` or
``failed``; whatever stage the power is cut in, the stages before it are kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database
from sqlite_utils.db import NotFoundError

from assistant.errors import JournalError
from assistant.journal import features as stored_features
from assistant.journal import flac, rows
from assistant.journal.database import JournalDatabase
from assistant.journal.retention import StoredTurn
from assistant.journal.rows import Row
from assistant.journal.turn import COLUMNS, TEXT_SOURCE, Taught, Turn, stamp
from assistant.values import Reply, Route, SoftPrompt, SpeechFeatures, Utterance

_SELECT = ", ".join((*COLUMNS, "audio IS NOT NULL AS has_audio"))
_PAGE = 256


class Journal(JournalDatabase):
    """The exchanges; several threads may share one journal, several processes one file.

    Every method raises ``JournalError`` when the database cannot be read or written, and those
    that take a ``turn_id`` also when there is no such exchange.
    """

    def hear(self, utterance: Utterance) -> int:
        """Keep an utterance before anything else is done with it, and give its exchange's id."""
        return self._insert(rows.heard(utterance))

    def typed(self, text: str) -> int:
        """Keep a typed question, which is its own transcript, and give its exchange's id."""
        return self._insert(rows.typed(text, datetime.now(timezone.utc)))

    def enrolled(self, utterance: Utterance, text: str, taught: Taught) -> int:
        """Keep a recording together with what is said in it, and give its exchange's id.

        Raises:
            JournalError: also if the recording holds no sound or the text no word.
        """
        if not utterance.samples.size:
            raise JournalError("The recording holds no sound. Record it again.")
        words = _one_line(text)
        return self._insert(rows.heard(utterance) | {"correction": words, "taught": taught.value})

    def transcribed(self, turn_id: int, features: SpeechFeatures) -> None:
        """Add the encoder's hypothesis, and keep the features to learn from."""
        self._update(turn_id, rows.transcribed(features), features)

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
        self._update(turn_id, rows.answering(llm, route, prompt))

    def answered(self, turn_id: int, reply: Reply) -> None:
        """Add the reply."""
        self._update(turn_id, rows.answered(reply, datetime.now(timezone.utc)))

    def failed(self, turn_id: int, error: str) -> None:
        """Add why there is no reply, or why it broke off."""
        self._update(turn_id, rows.failed(error))

    def correct(self, turn_id: int, text: str) -> None:
        """Note what was really said.

        Raises:
            JournalError: also if there is no recording to learn from, or the text has no word.
        """
        self._teach(self._recorded(turn_id), _one_line(text), Taught.CORRECTED)

    def confirm(self, turn_id: int) -> str:
        """Note that what was understood, or a correction of it, is what was said, and give it.

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

    def consent(self, turn_id: int, *, allowed: bool) -> None:
        """Note whether Attune may learn from an exchange; if not, its features go at once."""
        with self.writing(f"add to exchange {turn_id}") as database:
            self._change(database, turn_id, {"consent": int(allowed)})
            if not allowed:
                database.conn.execute("DELETE FROM features WHERE turn_id = ?", [turn_id])

    def keep_features(self, turn_id: int, features: SpeechFeatures) -> None:
        """Keep features to learn from, in place of earlier ones of the same encoder."""
        self._update(turn_id, {}, features)

    def features(self, turn_id: int, encoder: str) -> SpeechFeatures | None:
        """Features by the encoder with this fingerprint, to half precision; ``None``: not kept."""
        self._row(turn_id, "id")
        with self.reading() as database:
            return stored_features.find(database, turn_id, encoder)

    def delete(self, turn_ids: Iterable[int]) -> int:
        """Delete exchanges with their features, all or none, and give how many there were."""
        with self.writing("delete exchanges") as database:
            return database.conn.executemany(
                "DELETE FROM turns WHERE id = ?", [(turn_id,) for turn_id in turn_ids]
            ).rowcount

    def clear(self, *, keeping: str) -> int:
        """Delete all exchanges, records of bridges and memories, and give how many exchanges.

        Args:
            keeping: names that begin so stay remembered.
        """
        with self.writing("delete everything") as database:
            connection = database.conn
            connection.execute("DELETE FROM bridges")
            connection.execute(
                "DELETE FROM learning WHERE substr(name, 1, ?) <> ?", [len(keeping), keeping]
            )
            return connection.execute("DELETE FROM turns").rowcount

    def exist(self, turn_ids: Iterable[int]) -> bool:
        """Whether all these exchanges are there at this moment."""
        ids = set(turn_ids)
        with self.reading() as database:
            found = database.conn.execute(
                "SELECT count(*) FROM turns WHERE id IN (SELECT value FROM json_each(?))",
                [json.dumps(sorted(ids))],
            ).fetchone()[0]
        return found == len(ids)

    def kept(self, *, since: datetime | None = None) -> list[StoredTurn]:
        """How much room each exchange takes, oldest first.

        Args:
            since: leave out those that started before; a naive moment is local time.
        """
        with self.reading() as database:
            # The sizes come from the rows' heads: no recording is read for them.
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
        try:
            return flac.decode(self.flac(turn_id))
        except ValueError as error:
            raise JournalError(
                f"The recording of exchange {turn_id} in {self.path} is damaged ({error}). "
                "The other exchanges are not concerned."
            ) from error

    def _insert(self, row: Row) -> int:
        with self.writing("keep what was said") as database:
            return self._add(database, row)

    def _update(self, turn_id: int, row: Row, features: SpeechFeatures | None = None) -> None:
        with self.writing(f"add to exchange {turn_id}") as database:
            self._change(database, turn_id, row)
            if features is not None:
                stored_features.insert(database, turn_id, features)

    def _add(self, database: Database, row: Row) -> int:
        """Add an exchange within a transaction."""
        return int(_turns(database).insert(rows.storable(row)).last_pk)

    def _change(self, database: Database, turn_id: int, row: Row) -> None:
        """Change columns, or only see that the exchange is there, within a transaction."""
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
                f"Exchange {row['id']} in {self.path} is not readable ({error}). "
                "If a newer Attune wrote it, update Attune."
            ) from error

    def _silent(self, turn_id: int, source: str, so: str) -> JournalError:
        why = "was typed" if source == TEXT_SOURCE else "held no sound"
        return JournalError(
            f"Exchange {turn_id} {why}, so {so}. "
            f"'assistant log show {turn_id}' shows what there is."
        )

    def _unknown(self, turn_id: int) -> JournalError:
        return JournalError(
            f"There is no exchange {turn_id} in {self.path}. "
            "'assistant log list' shows those there are."
        )


def _turns(database: Database) -> Any:  # sqlite-utils types its tables only in part
    return database.table("turns")


def _one_line(text: str) -> str:
    """The text without needless space.

    Raises:
        JournalError: if nothing is left.
    """
    line = " ".join(text.split())
    if not line:
        raise JournalError("The text is empty. Give the words that were said.")
    return line
