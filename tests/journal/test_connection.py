from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import JournalError
from assistant.journal.connection import connect
from assistant.journal.store import Journal
from tests.journal.exchanges import exchange, features, utterance
from tests.person import ordinary_home, ordinary_person


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home() -> Iterator[Path]:
    with ordinary_home() as folder:
        yield folder


def _fill(journal: Journal) -> None:
    for _ in range(20):
        journal.hear(utterance())


def test_only_the_owner_can_read_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    old = os.umask(0)
    try:
        with Journal(path) as journal:
            exchange(journal)
            assert {file.name: _mode(file) for file in path.parent.iterdir()} == {
                "journal.db": 0o600,
                "journal.db-wal": 0o600,
                "journal.db-shm": 0o600,
            }
            assert _mode(path.parent) == 0o700
    finally:
        os.umask(old)


def test_a_connection_is_durable_forgets_what_is_erased_and_waits(path: Path) -> None:
    with closing(connect(path).conn) as conn:
        pragmas = ("journal_mode", "synchronous", "secure_delete", "foreign_keys", "busy_timeout")
        values = [conn.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas]
    assert values == ["wal", 2, 1, 1, 5_000]


def test_what_is_erased_is_gone_from_the_file(path: Path) -> None:
    secret = b"the quick brown fox" * 1_000
    with Journal(path) as journal:
        turn_id = exchange(journal, "a word in private")
        journal.database.conn.execute("UPDATE turns SET audio = ?", [secret])
        exchange(journal)
    assert secret[:4_000] in path.read_bytes()
    assert b"a word in private" in path.read_bytes()
    with Journal(path) as journal:
        journal.database.conn.execute("DELETE FROM turns WHERE id = ?", [turn_id])
    left = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"quick brown" not in left
    assert b"in private" not in left


@pytest.mark.parametrize(
    "content", [b"hello", b"hello" * 1_000, bytes(5_000)], ids=["short", "long", "zeros"]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal.db is not a database\. Move it away"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="is a folder, not a journal"):
        Journal(tmp_path)


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"Cannot open the journal .*set journal.path"):
        Journal(tmp_path / "file" / "journal.db")


def test_a_read_only_file_is_refused_in_words(home: Path) -> None:
    with ordinary_person():
        Journal(home / "journal.db").close()
        (home / "journal.db").chmod(0o400)
        with pytest.raises(
            JournalError, match=r"Permission denied\. Give yourself write permission"
        ):
            Journal(home / "journal.db")


def test_a_read_only_folder_is_refused_in_words(home: Path) -> None:
    with ordinary_person():
        Journal(home / "journal.db").close()
        home.chmod(0o500)
        with pytest.raises(JournalError, match="its folder may not be written"):
            Journal(home / "journal.db")
        with pytest.raises(
            JournalError, match=r"Permission denied\. Give yourself write permission"
        ):
            Journal(home / "new.db")
        with pytest.raises(
            JournalError, match=r"Permission denied\. Give yourself write permission"
        ):
            Journal(home / "new" / "journal.db")
        home.chmod(0o700)


def test_a_journal_that_becomes_read_only_says_so_and_loses_nothing(path: Path) -> None:
    with Journal(path) as journal:
        exchange(journal)
        journal.database.conn.execute("PRAGMA query_only = ON")
        with pytest.raises(JournalError, match=r"Cannot keep what was said: .*may not be written"):
            journal.hear(utterance())
        assert journal.count() == 1


def test_a_full_disk_loses_only_what_did_not_fit(path: Path) -> None:
    with Journal(path) as journal:
        conn = journal.database.conn
        exchange(journal)
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count = {pages + 40}")
        with pytest.raises(JournalError, match=r"Cannot keep what was said: the disk .* is full"):
            _fill(journal)
        kept = journal.count()
        assert kept > 1
        with pytest.raises(JournalError, match=rf"Cannot add to exchange {kept}: .* is full"):
            journal.transcribed(kept, features("a very long sentence " * 10_000))
        assert [turn.id for turn in journal.turns()] == list(range(kept, 0, -1))
        assert journal.turn(1).reply == "it is half past six"
        conn.execute("PRAGMA max_page_count = 1000000")
        journal.transcribed(kept, features("room again"))
    with Journal(path) as journal:
        assert journal.database.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert journal.turn(kept).hypothesis == "room again"
        assert journal.audio(kept).shape == (8_000,)


def test_a_journal_that_another_program_keeps_busy(path: Path) -> None:
    with Journal(path, busy_s=0.05) as journal:
        exchange(journal)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match=r"another program is using"):
                journal.hear(utterance())
            assert journal.turn(1).reply is not None
            other.execute("ROLLBACK")
        assert exchange(journal) == 2


def test_a_truncated_journal_is_an_error_in_words(path: Path) -> None:
    with Journal(path) as journal:
        for _ in range(20):
            exchange(journal)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(JournalError, match="is damaged"), Journal(path) as journal:
        list(journal.turns())
