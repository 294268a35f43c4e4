"""A disk that is full, a database that is taken, moved or shared: nothing is lost or kept by it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from assistant import durable
from assistant.errors import JournalError
from assistant.journal import sounds
from assistant.journal.backup import Places, pack
from assistant.journal.buffered import BufferedJournal
from assistant.journal.export import export
from assistant.journal.retention import Calendar
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import erase
from assistant.personalise.bridges.folder import BridgeFolder
from tests.attacks.bounds import ROOT, SECONDS
from tests.attacks.full_disk import EXCHANGES
from tests.daemon.served import RUN, Service, ended
from tests.faults.test_storage import MOUNTED
from tests.journal.archives import NOW
from tests.journal.exchanges import STARTED_AT, exchange, features, on_disk, reply, utterance

A_SECOND = timedelta(seconds=1)

DISK = 'mount -t tmpfs -o size=40m none "$0" && exec "$@"'


@pytest.mark.parametrize("words", [("forget-me", "--yes"), ("log", "delete", "--all", "--yes")])
def test_everything_can_be_erased_when_the_disk_is_full(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    mount = (*MOUNTED, DISK, str(tmp_path))
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    program = (sys.executable, "-m", "tests.attacks.full_disk", str(tmp_path), *words)
    done = subprocess.run(
        [*mount, *program], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    found = json.loads(done.stdout)
    assert found["status"] == 0, found
    assert f"Erased: exchanges {EXCHANGES}" in found["told"]
    assert (found["left"], found["found"]) == (0, [])


def test_a_reply_made_while_the_database_was_locked_goes_with_its_exchange(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    replies = tmp_path / "replies"
    replies.mkdir()

    def reply(journal: Journal, turn_id: int) -> Path:
        name = sounds.name(turn_id, lambda: journal.turn(turn_id).started_at)
        (replies / f"{name}.wav").write_bytes(b"sound")
        return replies / f"{name}.wav"

    with BufferedJournal(path) as journal:
        journal.database.conn.execute("PRAGMA query_only = ON")
        early = reply(
            journal, journal.hear(utterance(started_at=STARTED_AT - timedelta(seconds=1)))
        )
        other = reply(
            journal, journal.hear(utterance(started_at=STARTED_AT - timedelta(seconds=2)))
        )
        journal.database.conn.execute("PRAGMA query_only = OFF")
        third = reply(journal, exchange(journal))
        kept = [turn.id for turn in journal.turns()]
        assert len(kept) == 3
        erase(journal, BridgeFolder(tmp_path / "bridges"), [min(kept)], None)
        assert sorted(replies.iterdir()) == sorted([other, third])
        assert not early.exists()


@pytest.mark.parametrize("how", ["moved", "deleted", "folder"])
def test_a_journal_that_is_moved_or_deleted_loses_nothing_that_is_said_after(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "data" / "journal.db"
    told: list[str] = []
    with BufferedJournal(path, tell=told.append) as journal:
        exchange(journal, "before")
        turn_id = journal.hear(utterance())
        if how == "moved":
            path.rename(tmp_path / "old.db")
        elif how == "deleted":
            path.unlink()
        else:
            shutil.rmtree(path.parent)
        journal.transcribed(turn_id, features("meanwhile"))
        journal.answered(turn_id, reply("yes"))
        assert journal.turn(turn_id).reply == "yes"
        exchange(journal, "after")
        assert [turn.hypothesis for turn in on_disk(path)] == ["meanwhile", "after"]
        assert not journal.warnings
    (why,) = told
    assert "was moved or deleted while Attune was running" in why
    if how == "moved":
        assert [turn.hypothesis for turn in on_disk(tmp_path / "old.db")] == ["before", None]


def test_two_daemons_never_share_a_journal(service: Service) -> None:
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        other = {"ATTUNE_CONTROL__PATH": str(service.folder / "other.sock")}
        done = subprocess.run(
            RUN,
            env=service.environment | other,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 1
        journal = service.folder / "journal.db"
        assert f"Another Attune is already running with the journal {journal}." in done.stderr
        ended(process)


def test_a_date_that_jumps_erases_nothing() -> None:
    calendar = Calendar()
    now, newest, day = STARTED_AT, STARTED_AT - timedelta(days=1), 86_400.0
    assert calendar.may_be_trusted(now, 100.0, newest)
    assert calendar.may_be_trusted(now + timedelta(hours=1), 3_700.0, newest)
    later = now + timedelta(days=8 * 365)
    assert not calendar.may_be_trusted(later, 3_705.0, newest)
    assert not calendar.may_be_trusted(later + timedelta(hours=23), 3_705.0 + 23 * 3_600, later)
    assert not calendar.may_be_trusted(now + timedelta(days=1), 4_000.0 + day, newest)  # back again
    assert calendar.may_be_trusted(now + timedelta(days=2), 4_000.0 + 2 * day, newest)


def test_a_device_that_wakes_in_another_year_erases_nothing_for_a_day() -> None:
    calendar = Calendar()
    now = STARTED_AT + timedelta(days=8 * 365)
    assert not calendar.may_be_trusted(now, 10.0, STARTED_AT)
    assert calendar.may_be_trusted(now + timedelta(days=1), 10.0 + 86_400, STARTED_AT)


def test_what_is_there_already_is_neither_deleted_nor_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "file.part").symlink_to(secret)
    durable.write(tmp_path / "file", b"new")
    with Journal(tmp_path / "data" / "journal.db") as journal:
        exchange(journal)
    folder = tmp_path / "saved.tar.part"
    folder.mkdir()
    (folder / "journal.db").write_text("my own")
    (tmp_path / ".attune-backup-1").symlink_to(folder)
    pack(Places(tmp_path / "data" / "journal.db", tmp_path / "none"), tmp_path / "saved.tar", NOW)
    out = tmp_path / "out"
    (out / "audio").mkdir(parents=True)
    (out / "turns.csv").symlink_to(secret)
    with (
        Journal(tmp_path / "data" / "journal.db") as journal,
        pytest.raises(JournalError, match="Cannot export"),
    ):
        export(journal, journal.turns(), out, overwrite=True)
    assert secret.read_text() == "mine"
    assert (folder / "journal.db").read_text() == "my own"
