"""Saving everything in one file."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import AttuneError, BackupError, StorageError
from assistant.journal import backup
from assistant.journal.backup import Manifest, Packed, Places, pack
from assistant.journal.restore import restore
from assistant.journal.schema import MIGRATIONS
from assistant.journal.store import Journal
from tests.journal import shapes
from tests.journal.archives import (
    BRIDGES,
    NOW,
    members,
)
from tests.journal.test_processes import TALKER, start


def test_only_the_owner_can_read_an_archive(places: Places, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        pack(places, tmp_path / "saved.tar", NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "saved.tar").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "saved.tar"]


def test_the_manifest_tells_versions_and_checksums(archive: Path) -> None:
    *files, (last, text) = members(archive)
    assert last.name == "manifest.json"
    manifest = Manifest.model_validate_json(text)
    assert (manifest.format, manifest.journal, manifest.exchanges) == (1, len(MIGRATIONS), 3)
    assert manifest.files == {
        head.name: Packed(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for head, data in files
    }
    assert [head.name for head, _ in files] == [
        "journal.db",
        *(f"bridges/{name}" for name in BRIDGES),
    ]


def test_saving_changes_nothing_in_the_journal(tmp_path: Path) -> None:
    shapes.write(tmp_path / "old.db", 1)
    before = (tmp_path / "old.db").read_bytes()
    pack(Places(tmp_path / "old.db", tmp_path / "none"), tmp_path / "old.tar", NOW)
    assert (tmp_path / "old.db").read_bytes() == before


def test_a_journal_in_use_is_saved_whole(places: Places, tmp_path: Path) -> None:
    with start(TALKER, places.journal, 1_000_000) as talker:
        assert talker.stdout is not None
        answered = {1, 2, 3}
        for number in range(4):
            while len(answered) < 3 + 10 * (number + 1):
                stage, turn_id = talker.stdout.readline().split()
                if stage == "answered":
                    answered.add(int(turn_id))
            archive = tmp_path / f"{number}.tar"
            manifest = pack(places, archive, NOW)
            there = Places(tmp_path / str(number) / "journal.db", tmp_path / str(number) / "b")
            restore(archive, there)
            with Journal(there.journal) as journal:
                turns = {turn.id: turn for turn in journal.turns()}
                check = journal.database.conn.execute("PRAGMA integrity_check").fetchone()
                assert all(journal.audio(turn_id).size for turn_id in turns)
            assert check == ("ok",)
            assert len(turns) == manifest.exchanges
            assert turns.keys() >= answered
            assert all(turns[turn_id].reply for turn_id in answered)
        talker.kill()


def test_nothing_half_written_is_left_under_the_name(places: Places, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    archive = tmp_path / "disk" / "saved.tar"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False
    )
    limit = "ulimit -f 100" if done.returncode else 'mount -t tmpfs -o size=100k none "$0"'
    before = [] if done.returncode else ["unshare", "--map-root-user", "--mount"]
    told = subprocess.run(
        [*before, "sh", "-c", f'{limit} && "$@" && ls -A "$0"', str(archive.parent),
         sys.executable, "-c", FILLING, *map(str, (places.journal, places.bridges, archive))],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.stderr == ""
    (line,) = told.stdout.splitlines()  # and nothing is in the folder
    assert line.startswith(f"Cannot write the backup {archive}: ")
    assert not archive.exists()


FILLING = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from assistant.errors import BackupError
from assistant.journal.backup import Places, pack

journal, bridges, archive = map(Path, sys.argv[1:])
try:
    pack(Places(journal, bridges), archive, datetime.now(timezone.utc))
except BackupError as error:
    print(error)
"""


def test_an_earlier_backup_outlives_one_that_fails(archive: Path, places: Places) -> None:
    before = archive.read_bytes()
    places.journal.write_bytes(places.journal.read_bytes()[:-8_192])
    with pytest.raises(AttuneError, match="is damaged"):
        pack(places, archive, NOW)
    assert archive.read_bytes() == before
    assert sorted(archive.parent.iterdir()) == [places.journal.parent, archive]


def test_what_a_killed_backup_left_is_swept_up(archive: Path, places: Places) -> None:
    part = archive.with_name(".attune-backup-x")
    part.mkdir()
    (part / "journal.db").write_bytes(b"half")
    pack(places, archive, NOW)
    assert not part.exists()
    assert sorted(archive.parent.iterdir()) == [places.journal.parent, archive]


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
def test_no_journal_is_no_backup(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "journal.db").write_bytes(content)
    places = Places(tmp_path / "journal.db", tmp_path / "bridges")
    with pytest.raises(BackupError, match="nothing to save"):
        pack(places, tmp_path / "saved.tar", NOW)
    assert not (tmp_path / "saved.tar").exists()
    assert (tmp_path / "journal.db").exists() == (content is not None)


def test_a_lock_of_another_program_is_not_waited_for_for_ever(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "BUSY_S", 0.05)
    with closing(sqlite3.connect(places.journal, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM learning")
        with pytest.raises(StorageError, match="another program is using"):
            pack(places, tmp_path / "saved.tar", NOW)
    assert not (tmp_path / "saved.tar").exists()
