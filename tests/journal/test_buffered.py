"""A disk or a database that refuses never stops an exchange, and nothing is kept twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import JournalError, StorageError
from assistant.journal.buffered import ANSWER_BUSY_S, WAITING, BufferedJournal
from assistant.journal.store import Journal
from assistant.values import Route
from tests.journal.exchanges import (
    STARTED_AT,
    exchange,
    features,
    on_disk,
    reply,
    utterance,
)
from tests.journal.locks import held_by_another

ROOT = Path(__file__).parents[2]


@pytest.fixture
def journal(patient_journal: BufferedJournal) -> BufferedJournal:
    return patient_journal


def full(journal: BufferedJournal, *, room: int = 0) -> None:
    """Leave room for so many pages."""
    pages = journal.database.conn.execute("PRAGMA page_count").fetchone()[0]
    journal.database.conn.execute(f"PRAGMA max_page_count = {pages + room}")


def roomy(journal: BufferedJournal) -> None:
    journal.database.conn.execute("PRAGMA max_page_count = 1000000")


def at(number: int) -> datetime:
    return STARTED_AT + timedelta(minutes=number)


def test_a_healthy_disk_has_every_stage_at_once(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    turn_id = journal.hear(utterance())
    assert [turn.has_audio for turn in on_disk(path)] == [True]
    journal.transcribed(turn_id, features())
    assert on_disk(path)[0].hypothesis == "what time is it"
    journal.answering(turn_id, llm="llm-1", route=Route.BRIDGE)
    assert on_disk(path)[0].route is Route.BRIDGE
    journal.answered(turn_id, reply())
    assert on_disk(path) == [journal.turn(turn_id)]
    assert (journal.warnings, told) == ((), [])
    assert journal.features(turn_id, "encoder-1") is not None


def test_an_answer_waits_two_seconds_for_others_at_most(path: Path) -> None:
    with BufferedJournal(path) as journal:
        timeout = journal.database.conn.execute("PRAGMA busy_timeout").fetchone()
    assert timeout == (ANSWER_BUSY_S * 1_000,) == (2_000,)


def test_exchanges_during_a_lock_are_kept_afterwards_in_order(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    first = exchange(journal, "one", started_at=at(1))
    with held_by_another(path):
        waiting = [exchange(journal, "two", started_at=at(2), seed=2), journal.typed("three")]
        journal.answered(waiting[1], reply("third"))
        waiting.append(exchange(journal, "four", started_at=at(4), seed=4))
        assert waiting == [-1 - number for number in (1, 2, 3)]
        turns = [journal.turn(turn_id) for turn_id in waiting]
        assert [turn.hypothesis for turn in turns] == ["two", "three", "four"]
        assert [turn.has_audio for turn in turns] == [True, False, True]
        (line,) = told
        assert "another program is using" in line
        assert line.endswith("conversations wait in memory until they can be saved.")
        (warning,) = journal.warnings
        assert warning.endswith("Waiting in memory: 3 exchanges.")
    journal.retry()
    assert len(told) == 1
    journal._again_at = 0.0
    journal.retry()
    assert told[1:] == ["Everything that waited in memory is saved now."]
    assert journal.warnings == ()
    assert journal.turn(waiting[-1]).id == 4
    last = exchange(journal, "five", started_at=at(5))
    kept = on_disk(path)
    assert [turn.id for turn in kept] == [first, 2, 3, 4, last]
    assert [turn.hypothesis for turn in kept] == ["one", "two", "three", "four", "five"]
    for before, after in zip(turns, kept[1:4], strict=True):
        assert replace(before, id=after.id) == after
    for number, seed in ((2, 2), (4, 4)):
        np.testing.assert_allclose(
            journal.audio(number), utterance(seed=seed).samples, atol=1 / 32_768
        )
        assert journal.features(number, "encoder-1") is not None
    assert [turn.timings for turn in kept] == [reply().timings] * 5


def test_a_lock_in_mid_exchange_costs_no_stage(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    turn_id = journal.hear(utterance())
    with held_by_another(path):
        journal.transcribed(turn_id, features("a word"))
        journal.answering(turn_id, llm="llm-1", route=Route.TRANSCRIPT)
        assert on_disk_while_locked(path) == (1, None)
    journal.answered(turn_id, reply("an answer"))
    (kept,) = on_disk(path)
    assert kept == journal.turn(turn_id)
    assert (kept.id, kept.hypothesis, kept.llm, kept.reply) == (
        turn_id, "a word", "llm-1", "an answer",
    )  # fmt: skip
    assert journal.features(turn_id, "encoder-1") is not None
    assert len(told) == 2


def on_disk_while_locked(path: Path) -> tuple[int, str | None]:
    """How many exchanges there are, and what the first one's hypothesis is."""
    with closing(sqlite3.connect(path)) as other:
        count = other.execute("SELECT count(*) FROM turns").fetchone()[0]
        return count, other.execute("SELECT hypothesis FROM turns").fetchone()[0]


def test_a_full_disk_takes_the_words_first_and_the_recordings_when_there_is_room(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    exchange(journal, "before")
    full(journal, room=3)
    said: list[int] = []
    for word in ("one", "two"):
        said.append(journal.hear(utterance(3.0, seed=9)))  # 96 kB, which are two dozen pages
        journal.transcribed(said[-1], features(word))
        journal.answered(said[-1], reply())
    assert said == [2, 3]
    kept = on_disk(path)
    assert [turn.hypothesis for turn in kept] == ["before", "one", "two"]
    assert [turn.has_audio for turn in kept] == [True, False, False]
    assert all(turn.reply for turn in kept)
    assert all(journal.turn(turn_id).has_audio for turn_id in said)
    assert len(told) == 1
    assert "is full. Free some space" in told[0]
    journal.retry()
    assert not on_disk(path)[1].has_audio
    roomy(journal)
    journal._again_at = 0.0
    journal.retry()
    assert told[1:] == ["Everything that waited in memory is saved now."]
    assert [turn.id for turn in on_disk(path)] == [1, *said]
    for turn_id in said:
        np.testing.assert_allclose(
            journal.audio(turn_id), utterance(3.0, seed=9).samples, atol=1 / 32_768
        )
        assert journal.features(turn_id, "encoder-1") is not None


def test_a_journal_that_becomes_read_only_goes_on_in_memory(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    exchange(journal)
    journal.database.conn.execute("PRAGMA query_only = ON")
    waiting = exchange(journal, "meanwhile")
    assert journal.turn(waiting).hypothesis == "meanwhile"
    assert "may not be written" in told[0]
    assert len(on_disk(path)) == 1
    journal.database.conn.execute("PRAGMA query_only = OFF")
    exchange(journal, "after")
    assert [turn.hypothesis for turn in on_disk(path)][1:] == ["meanwhile", "after"]


def test_idle_tries_again_less_and_less_often(journal: BufferedJournal) -> None:
    journal.database.conn.execute("PRAGMA query_only = ON")
    exchange(journal)
    statements: list[str] = []
    journal.database.conn.set_trace_callback(statements.append)
    journal.retry()
    assert statements == []
    pauses: list[float] = []
    for _ in range(6):
        journal._again_at = 0.0
        journal.retry()
        pauses.append(journal._pause_s)
    assert "BEGIN IMMEDIATE" in statements
    assert pauses == sorted(pauses)
    assert (pauses[-2], pauses[-1]) == (60.0, 60.0)
    journal.database.conn.set_trace_callback(None)
    journal.database.conn.execute("PRAGMA query_only = OFF")
    exchange(journal)
    assert (journal.warnings, journal._pause_s) == ((), 0.0)


def test_only_so_many_exchanges_wait(journal: BufferedJournal, path: Path, told: list[str]) -> None:
    journal.database.conn.execute("PRAGMA query_only = ON")
    for number in range(WAITING + 3):
        journal.failed(journal.typed(f"number {number}"), "No answer.")
    assert told[1:] == ["Too much is waiting to be written to the journal; the oldest is dropped."]
    assert journal.warnings[0].endswith(f"Waiting in memory: {WAITING} exchanges.")
    assert journal.warnings[1] == "Lost: 3 exchanges, 0 recordings."
    journal.database.conn.execute("PRAGMA query_only = OFF")
    exchange(journal, "last")
    assert told[2:] == [
        "Everything that waited in memory is saved now. Lost: 4 exchanges, 0 recordings."
    ]
    kept = [turn.hypothesis for turn in on_disk(path)]
    assert kept == [*(f"number {number}" for number in range(4, WAITING + 3)), "last"]


def test_recordings_are_given_up_before_words_and_the_oldest_first(
    path: Path, told: list[str]
) -> None:
    with BufferedJournal(path, waiting_mb=1, tell=told.append) as journal:
        journal.database.conn.execute("PRAGMA query_only = ON")
        for number in range(4):  # noise of 13 s is 400 kB of FLAC
            turn_id = journal.hear(utterance(13.0, seed=number))
            journal.transcribed(turn_id, features(f"number {number}"))
            journal.failed(turn_id, "No answer.")
        assert journal.warnings[1] == "Lost: 0 exchanges, 2 recordings."
        journal.database.conn.execute("PRAGMA query_only = OFF")
    kept = on_disk(path)
    assert [turn.hypothesis for turn in kept] == [f"number {number}" for number in range(4)]
    assert [turn.has_audio for turn in kept] == [False, False, True, True]
    assert told[2:] == [
        "Everything that waited in memory is saved now. Lost: 0 exchanges, 2 recordings."
    ]


def test_the_end_writes_what_waits_or_tells_of_it(path: Path, told: list[str]) -> None:
    with BufferedJournal(path, tell=told.append) as journal:
        full(journal)
        exchange(journal, "lost " * 2_000)
        roomy(journal)
    assert [turn.has_audio for turn in on_disk(path)] == [True]
    with BufferedJournal(path, tell=told.append) as journal:
        journal.database.conn.execute("PRAGMA query_only = ON")
        exchange(journal)
        journal.close()
    assert told[-1].endswith("Lost: 1 exchange, 0 recordings at the end.")
    assert len(on_disk(path)) == 1


def test_what_was_erased_meanwhile_does_not_come_back(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    full(journal, room=3)
    turn_id = exchange(journal, "a word in private", seed=3)
    journal.database.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        journal.delete([turn_id])
    with Journal(path) as other:
        assert other.delete([turn_id]) == 1
    journal.database.conn.execute("PRAGMA query_only = OFF")
    roomy(journal)
    after = exchange(journal, "after")
    assert [turn.id for turn in on_disk(path)] == [after]
    assert journal.warnings == ()
    assert len(told) == 2


def test_what_is_withdrawn_is_gone_or_goes_when_the_disk_allows_it(
    journal: BufferedJournal, path: Path, told: list[str]
) -> None:
    journal.withdraw(journal.hear(utterance()))
    assert on_disk(path) == []
    assert told == []
    heard = journal.hear(utterance())
    with held_by_another(path):
        journal.transcribed(heard, features("not meant for anybody"))
        journal.withdraw(heard)
        journal.withdraw(journal.typed("nor this"))
        assert journal.warnings[0].endswith("Waiting in memory: 1 exchange.")
        assert on_disk_while_locked(path) == (1, None)
    kept = exchange(journal, "kept")
    assert [turn.id for turn in on_disk(path)] == [kept]
    assert journal.warnings == ()
    with pytest.raises(JournalError, match="no exchange 99"):
        journal.answered(99, reply())
    journal.withdraw(99)


def test_a_correction_that_cannot_be_kept_is_told_to_who_gives_it(
    journal: BufferedJournal, path: Path
) -> None:
    turn_id = exchange(journal)
    with held_by_another(path), pytest.raises(StorageError, match="another program is using"):
        journal.correct(turn_id, "what day is it")
    assert journal.warnings == ()


ON_A_SMALL_DISK = """
import json, resource, sys
from contextlib import suppress
from pathlib import Path
from assistant.journal.buffered import BufferedJournal
from tests.journal.locks import held_by_another
from tests.journal.exchanges import exchange

folder = Path(sys.argv[1])
told = []
with BufferedJournal(folder / "journal.db", tell=told.append) as journal:
    before = [exchange(journal, "before", seed=seed) for seed in range(2)]
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(512))
    said = [exchange(journal, f"number {seed}", seed=seed) for seed in range(8)]
    answers = [journal.turn(turn_id).reply for turn_id in said]
    waiting = len(journal.warnings)
    (folder / "ballast").unlink()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = exchange(journal, "after")
    while journal.warnings:
        journal.retry()
    turns = list(journal.turns())[::-1]
    sounds = [journal.audio(turn.id).shape[0] for turn in turns]
    check = journal.database.conn.execute("PRAGMA integrity_check").fetchone()[0]
print(json.dumps([told, answers, waiting, [turn.hypothesis for turn in turns], sounds, check]))
"""


def cramped(folder: Path) -> list[str]:
    """A small disk at the folder where one may be mounted, else a limit on the size of files."""
    disk = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    disk += ['mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(folder)]
    if subprocess.run([*disk, "true"], capture_output=True, check=False).returncode == 0:
        return disk
    return ["sh", "-c", 'ulimit -S -f 300 && exec "$@"', "sh"]


def test_a_real_disk_fills_and_is_freed_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [*cramped(tmp_path), sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    told, answers, waiting, said, sounds, check = json.loads(done.stdout)
    assert answers == ["it is half past six"] * 8
    assert waiting == 1
    assert len(told) == 2
    assert "is full. Free some space" in told[0] or "reports an error" in told[0]
    assert said == ["before"] * 2 + [f"number {seed}" for seed in range(8)] + ["after"]
    assert sounds == [8_000] * 11
    assert check == "ok"


def test_a_source_that_cannot_be_spelt_is_the_same_in_memory_and_on_disk(
    journal: BufferedJournal, path: Path
) -> None:
    odd = utterance()
    object.__setattr__(odd, "source", "caf\udce9.wav")
    journal.database.conn.execute("PRAGMA query_only = ON")
    turn_id = journal.hear(odd)
    assert journal.turn(turn_id).source.encode() == b"caf\\udce9.wav"
    journal.database.conn.execute("PRAGMA query_only = OFF")
    journal.failed(turn_id, "No ears.")
    assert journal.turn(turn_id) == on_disk(path)[0]
    assert journal.turn(turn_id).started_at.tzinfo == timezone.utc
