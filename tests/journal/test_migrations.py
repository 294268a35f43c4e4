"""A journal of every earlier version comes forward with all that is in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import JournalError
from assistant.journal.lineage import Lineage
from assistant.journal.schema import MIGRATIONS, version
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.bridges.erasure import RETRAIN_DUE
from assistant.values import EndReason, Route, StopReason, Timings, Word
from tests.journal import shapes
from tests.journal.exchanges import exchange, features, sound

VERSIONS = range(len(MIGRATIONS) + 1)


def test_there_is_a_journal_of_every_version_to_try() -> None:
    assert len(shapes.CONTENTS) == len(VERSIONS)


@pytest.mark.parametrize("number", VERSIONS)
def test_it_comes_forward(path: Path, number: int) -> None:
    shapes.write(path, number)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (number,)
    for _ in range(2):  # a second opening finds nothing left to do
        with Journal(path) as journal:
            assert version(journal.database) == len(MIGRATIONS)
            assert_whole(journal, number)
    with Journal(path) as journal:
        assert exchange(journal) == (4 if number else 1)
        check = journal.database.conn.execute("PRAGMA integrity_check").fetchone()
        assert check == ("ok",)
        fresh = path.with_name("fresh.db")
        with Journal(fresh) as new:
            assert journal.database.schema == new.database.schema


def assert_whole(journal: Journal, number: int) -> None:
    """All that a journal of this version held is there and right."""
    turns = list(journal.turns())
    if number == 0:
        assert turns == []
        return
    spoken, typed = turns
    assert (typed.id, typed.hypothesis, typed.confidence) == (1, "hello", 1.0)
    assert (typed.consent, typed.taught, typed.has_audio) == (True, None, False)
    assert (spoken.id, spoken.source, spoken.seconds) == (2, "microphone", 0.5)
    assert spoken.started_at.isoformat() == "2026-03-01T18:31:00+00:00"
    assert spoken.end_reason is EndReason.SILENCE
    assert (spoken.hypothesis, spoken.confidence) == ("what dime is it", 0.5)
    assert spoken.words == (Word("what", 0.0, 0.5, 0.5),)
    assert (spoken.correction, spoken.consent) == ("what time is it", False)
    assert (spoken.encoder, spoken.llm, spoken.bridge) == ("encoder-1", "llm-1", "bridge-1")
    assert (spoken.route, spoken.heard) == (Route.BRIDGE, "what lime is it")
    assert spoken.bridge_confidence == 0.75
    assert (spoken.reply, spoken.stop_reason) == ("half past six", StopReason.END_OF_TURN)
    assert (spoken.timings, spoken.error) == (Timings(total=12.5), None)
    assert spoken.replied_at is not None
    assert spoken.replied_at.isoformat() == "2026-03-01T18:31:02+00:00"
    assert journal.flac(2) == shapes.RECORDING
    np.testing.assert_allclose(journal.audio(2), sound(0.5, 7), atol=1 / 32_768)
    if number == 1:
        assert spoken.taught is None
        assert Lineage(journal).records() == []
        return
    assert spoken.taught is Taught.CORRECTED
    kept = journal.features(2, "encoder-1")
    assert kept is not None
    assert kept.frames.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    (record,) = Lineage(journal).records()
    assert (record.version, record.turns) == ("1a2b", (2,))
    assert journal.remembered("due") == "erasure"


@pytest.mark.parametrize("number", VERSIONS[1:])
def test_it_is_used_on_like_a_new_one(path: Path, number: int) -> None:
    shapes.write(path, number)
    with Journal(path) as journal:
        journal.consent(2, allowed=True)
        journal.keep_features(2, features())
        assert journal.confirm(2) == "what time is it"
        assert journal.delete([2]) == 1
        assert journal.features(exchange(journal), "encoder-1") is not None
        left = journal.database.conn.execute("SELECT turn_id FROM features").fetchall()
        assert left == [(4,)]


def test_what_was_not_the_users_voice_teaches_no_more(path: Path) -> None:
    shapes.write(path, 3)
    turn = "INSERT INTO turns (id, started_at, source, hypothesis, confidence, taught) VALUES "
    at = "'2026-03-01T18:33:00.000000+00:00'"
    kept = "INSERT INTO features VALUES ({}, 'encoder-1', 50.0, 2, 2, '', 0.5, '[]', x'003c')"
    with closing(sqlite3.connect(path)) as connection:
        for number, source, taught in (
            (10, "microphone", "NULL"),
            (11, "starter/examples/1-good-morning.flac", "NULL"),
            (12, "talk.wav", "'corrected'"),
            (13, "mine/1.wav", "'imported'"),
            (14, "mine/2.wav", "'enrolled'"),
        ):
            connection.execute(f"{turn} ({number}, {at}, '{source}', 'hello', 0.95, {taught})")
            connection.execute(kept.format(number))
        connection.execute("UPDATE bridges SET turns = '[10, 11]', accepted = 1")
        connection.commit()
    with Journal(path) as journal:
        allowed = {turn.id: turn.consent for turn in journal.turns() if turn.id >= 10}
        assert allowed == {10: True, 11: False, 12: False, 13: True, 14: True}
        left = journal.database.conn.execute(
            "SELECT turn_id FROM features WHERE turn_id >= 10 ORDER BY 1"
        )
        assert left.fetchall() == [(10,), (13,), (14,)]
        assert journal.remembered(RETRAIN_DUE) == "recordings"


def test_who_has_taught_it_alone_need_not_teach_it_again(path: Path) -> None:
    shapes.write(path, 3)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE bridges SET accepted = 1")
        connection.execute("UPDATE turns SET consent = 1")
        connection.commit()
    with Journal(path) as journal:
        assert journal.remembered(RETRAIN_DUE) is None
        assert all(turn.consent for turn in journal.turns())


def test_one_of_a_version_to_come_is_refused_in_one_sentence(path: Path) -> None:
    shapes.write(path, len(MIGRATIONS))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(JournalError) as told:
        Journal(path)
    assert str(told.value) == (
        f"The journal {path} has version {len(MIGRATIONS) + 1}, but this Attune supports only "
        f"{len(MIGRATIONS)}. Install a newer Attune, or set journal.path to another file."
    )
    assert path.read_bytes() == before
