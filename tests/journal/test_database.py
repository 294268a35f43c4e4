from __future__ import annotations

import random
import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import JournalError
from assistant.journal.store import Journal
from tests.journal.exchanges import exchange, features, utterance


def beside(path: Path) -> bytes:
    """Everything in the database file, its log and its index."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob("journal.db*")))


def test_what_is_remembered_outlives_the_process_until_it_is_forgotten(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.remembered("due") is None
        journal.remember("due", "erasure")
        journal.remember("due", "examples")
    with Journal(path) as journal:
        assert journal.remembered("due") == "examples"
        journal.forget("due")
        journal.forget("due")
        assert journal.remembered("due") is None


def test_memories_are_found_by_how_their_names_begin(journal: Journal) -> None:
    for name in ("note:2", "note:1", "notes", "other", "note_x"):
        journal.remember(name, name.upper())
    assert journal.memories("note:") == {"note:1": "NOTE:1", "note:2": "NOTE:2"}
    assert len(journal.memories("")) == 5


def test_scrubbing_empties_the_log_beside_an_idle_reader(path: Path) -> None:
    with Journal(path) as daemon, Journal(path) as journal:
        turn_id = exchange(journal, "a word in private")
        assert daemon.turn(turn_id).hypothesis == "a word in private"
        assert b"in private" in beside(path)
        journal.delete([turn_id])
        assert b"in private" in beside(path)
        assert journal.scrub()
        assert b"in private" not in beside(path)
        assert path.with_name("journal.db-wal").stat().st_size == 0
        assert list(daemon.turns()) == []
        assert exchange(daemon) == turn_id + 1


def test_no_copy_of_a_deleted_row_is_left_inside_a_page(path: Path) -> None:
    # SQLite moves rows between pages as they grow, and leaves copies where they were.
    draw = random.Random(3)
    with Journal(path) as journal:
        with journal.writing("grow") as database:
            alive = [
                int(database.table("turns").insert({"started_at": "", "source": ""}).last_pk or 0)
                for _ in range(600)
            ]
            for _ in range(3_000):
                turn_id = draw.choice(alive)
                column = draw.choice(["hypothesis", "reply", "heard"])
                text = f"<{turn_id:06}>" * draw.randint(1, 80)
                database.table("turns").update(turn_id, {column: text})
        gone = draw.sample(alive, 200)
        journal.delete(gone)
        assert not journal.scrub(lambda: True)
        assert journal.scrub()
        found = {int(number) for number in re.findall(rb"<(\d{6})>", beside(path))}
        assert found
        assert found.isdisjoint(gone)
        assert journal.database.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_wiping_that_is_stopped_leaves_the_file_as_it_was(path: Path) -> None:
    with Journal(path) as journal:
        kept, gone = exchange(journal, "kept"), exchange(journal, "a word in private")
        for seed in range(40):
            exchange(journal, seed=seed)
        journal.delete([gone])
        size = path.stat().st_size
        answers = iter([False, True])
        assert not journal.scrub(lambda: next(answers))
        assert path.stat().st_size >= size
        assert path.with_name("journal.db-wal").stat().st_size == 0
        assert journal.turn(kept).hypothesis == "kept"
        assert journal.scrub()


def test_a_program_that_keeps_reading_is_told_of(path: Path) -> None:
    with Journal(path, busy_s=0.3) as journal, closing(sqlite3.connect(path)) as other:
        turn_id = exchange(journal, "a word in private")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM turns").fetchone()
        journal.delete([turn_id])
        with pytest.raises(JournalError, match=r"is reading the journal\. Close it; the wiping"):
            journal.scrub()
        other.rollback()
        assert journal.database.conn.execute("PRAGMA busy_timeout").fetchone() == (300,)
        assert journal.scrub()
        assert b"in private" not in beside(path)


def test_scrubbing_waits_for_a_reader_that_is_soon_done(path: Path) -> None:
    other = sqlite3.connect(path, check_same_thread=False)
    with Journal(path) as journal, closing(other):
        turn_id = exchange(journal, "a word in private")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM turns").fetchone()
        journal.delete([turn_id])
        done = threading.Timer(0.5, other.rollback)
        done.start()
        assert journal.scrub()
        done.join()
        assert b"in private" not in beside(path)


def test_another_process_writes_on_after_scrubbing(path: Path) -> None:
    with Journal(path) as journal, Journal(path) as daemon:
        turn_id = daemon.hear(utterance())
        journal.delete([exchange(journal)])
        journal.scrub()
        daemon.transcribed(turn_id, features("hello"))
        assert journal.turn(turn_id).hypothesis == "hello"
