"""Putting a backup back."""

from __future__ import annotations

import gzip
import os
import random
import stat
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import BackupError, StorageError
from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.schema import MIGRATIONS
from assistant.journal.store import Journal
from tests.journal import shapes
from tests.journal.archives import (
    BRIDGES,
    NOW,
    everything,
    forge,
    member,
    members,
    rewrite,
    run,
    said,
)
from tests.journal.exchanges import exchange
from tests.journal.test_processes import start
from tests.person import NOBODY


def test_everything_comes_back_on_an_empty_device(archive: Path, places: Places) -> None:
    there = Places(archive.parent / "new" / "a.db", archive.parent / "new" / "learned")
    manifest, kept = restore(archive, there)
    assert kept == []
    assert (manifest.exchanges, manifest.bridges, manifest.made_at) == (3, 2, NOW)
    with Journal(there.journal) as journal, Journal(places.journal) as before:
        turns = list(journal.turns())
        assert turns == list(before.turns())
        assert [journal.flac(each.id) for each in turns] == [before.flac(each.id) for each in turns]
        assert journal.features(1, "encoder-1") is not None
        assert exchange(journal) == 4
    assert everything(there.bridges) == BRIDGES
    assert sorted(path.name for path in there.journal.parent.iterdir()) == ["a.db", "learned"]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (there.journal, there.bridges)]
    assert modes == [0o600, 0o700]


def test_what_was_there_is_kept(archive: Path, places: Places) -> None:
    with Journal(places.journal) as journal:
        exchange(journal, "said since")
    (places.bridges / "ff00.safetensors").unlink()
    for names in (
        ("journal.db.before-restore", "bridges.before-restore"),
        ("journal.db.before-restore-2", "bridges.before-restore-2"),
    ):
        before = said(places.journal), everything(places.bridges)
        _, kept = restore(archive, places)
        assert [path.name for path in kept] == list(names)
        assert said(places.journal) == ["number 0", "number 1", "number 2"]
        assert everything(places.bridges) == BRIDGES
        assert (said(kept[0]), everything(kept[1])) == before
    assert not list(places.journal.parent.glob("*.restoring*"))


def test_a_damaged_journal_is_kept_as_it_is(archive: Path, places: Places) -> None:
    places.journal.write_bytes(b"no database at all" * 500)
    _, kept = restore(archive, places)
    assert said(places.journal) == ["number 0", "number 1", "number 2"]
    assert kept[0].read_bytes() == b"no database at all" * 500


def test_a_log_without_its_journal_does_not_get_into_the_restored_one(
    archive: Path, places: Places
) -> None:
    with Journal(places.journal) as journal:
        exchange(journal, "said since")
        log = places.journal.with_name("journal.db-wal").read_bytes()
    places.journal.unlink()
    places.journal.with_name("journal.db-wal").write_bytes(log)
    restore(archive, places)
    assert said(places.journal) == ["number 0", "number 1", "number 2"]


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
def test_an_archive_of_an_older_journal_is_migrated(
    tmp_path: Path, places: Places, number: int
) -> None:
    old = Places(tmp_path / "old.db", tmp_path / "none")
    shapes.write(old.journal, number)
    manifest = pack(old, tmp_path / "old.tar", NOW)
    assert (manifest.journal, manifest.exchanges, manifest.bridges) == (number, 2, 0)
    restore(tmp_path / "old.tar", places)
    with Journal(places.journal) as journal:
        assert journal.flac(2) == shapes.RECORDING
        assert journal.turn(2).correction == "what time is it"
        assert exchange(journal) == 4
    assert everything(places.bridges) == {}


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "text": (lambda path: path.write_bytes(b"Dear diary, " * 500), "is damaged"),
    "missing": (Path.unlink, "No such file"),
    "compressed": (
        lambda path: path.write_bytes(gzip.compress(path.read_bytes())),
        "is damaged",
    ),
    "no manifest": (lambda path: rewrite(path, members(path)[:-1]), "it is cut off"),
    "no journal": (lambda path: rewrite(path, members(path)[1:]), "do not match their checksums"),
    "a bridge less": (
        lambda path: rewrite(path, [*members(path)[:2], *members(path)[3:]]),
        "do not match their checksums",
    ),
    "a bridge changed": (
        lambda path: rewrite(
            path, [(head, data.replace(b"another", b"anothes")) for head, data in members(path)]
        ),
        "do not match their checksums",
    ),
    "twice": (
        lambda path: rewrite(path, [members(path)[0], *members(path)]),
        "holds journal.db twice",
    ),
    "after the manifest": (
        lambda path: rewrite(path, [*members(path), (member("bridges/0a.safetensors"), b"x")]),
        "in the wrong place",
    ),
    "another manifest": (
        lambda path: rewrite(path, [*members(path)[:-1], (member("manifest.json"), b"{}")]),
        "its manifest cannot be read",
    ),
    "another program's database": (
        lambda path: forge(path, run("PRAGMA application_id = 7")), "its database is not a journal"
    ),
    "a trigger": (
        lambda path: forge(
            path, run("CREATE TRIGGER t AFTER INSERT ON turns BEGIN DELETE FROM turns; END")
        ),
        "does not have the structure of a journal",
    ),
    "a table less": (
        lambda path: forge(path, run("DROP TABLE features")),
        "does not have the structure of a journal",
    ),
    "another version than it says": (
        lambda path: forge(path, run("PRAGMA user_version = 1")),
        "does not have the structure of a journal",
    ),
    "a page that is wrong": (
        lambda path: forge(
            path,
            run(
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_master SET rootpage = 2 WHERE name = 'turns_started_at'",
            ),
        ),
        "its database is not",
    ),
    "a newer journal": (
        lambda path: forge(path, run(), journal=99, attune="9.0"), "by a newer Attune (9.0)"
    ),
    "a newer format": (lambda path: forge(path, run(), format=2), "made by a newer Attune"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused_and_nothing_changed(
    name: str, archive: Path, places: Places
) -> None:
    breaking, why = BROKEN[name]
    breaking(archive)
    assert_refused(archive, places, why)


def assert_refused(archive: Path, places: Places, why: str) -> None:
    before = everything(places.journal.parent)
    with pytest.raises(BackupError) as told:
        restore(archive, places)
    assert why in str(told.value)
    assert str(told.value).endswith(".")
    assert everything(places.journal.parent) == before


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_archive_is_refused(archive: Path, places: Places, share: float) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: round(len(whole.rstrip(b"\0")) * share)])
    assert_refused(archive, places, "is damaged")


HOSTILE = {
    "above": (member("../escaped"), b"x"),
    "deep above": (member("bridges/../../escaped.safetensors"), b"x"),
    "from the root": (member("/escaped.safetensors"), b"x"),
    "another name": (member("bridges/evil.sh"), b"x"),
    "another folder": (member("attune.toml"), b"x"),
    "a folder": (member("bridges", tarfile.DIRTYPE), b""),
    "a link": (member("bridges/0a.safetensors", tarfile.SYMTYPE, "/etc/passwd"), b""),
    "a hard link": (member("bridges/0a.safetensors", tarfile.LNKTYPE, "journal.db"), b""),
    "a device": (member("bridges/0a.safetensors", tarfile.CHRTYPE), b""),
    "a pipe": (member("journal.db", tarfile.FIFOTYPE), b""),
    "a line break": (member("bridges/0a.safetensors\n"), b"x"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_changed(
    name: str, archive: Path, places: Places
) -> None:
    rewrite(archive, [HOSTILE[name], *members(archive)])
    assert_refused(archive, places, "is not an Attune backup: it holds ")
    assert not (archive.parent / "escaped").exists()


def test_a_sparse_file_cannot_fill_the_disk(archive: Path, places: Places) -> None:
    head = member("bridges/0a.safetensors")
    head.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
        "GNU.sparse.name": "bridges/0a.safetensors", "GNU.sparse.realsize": "1000000000000",
    }  # fmt: skip
    rewrite(archive, [(head, b"1\n0\n1\n".ljust(1_024, b"\0")), *members(archive)])
    assert_refused(archive, places, "is not an Attune backup")


def test_a_journal_in_use_is_not_replaced(archive: Path, places: Places) -> None:
    with Journal(places.journal) as journal:
        exchange(journal, "said since")
        with pytest.raises(StorageError, match=r"Cannot put the backup in place: another program"):
            restore(archive, places)
        exchange(journal, "goes on")
    assert said(places.journal)[3:] == ["said since", "goes on"]
    assert everything(places.bridges).keys() >= BRIDGES.keys()
    assert not list(places.journal.parent.glob("*restor*"))


def test_who_objects_at_the_last_moment_is_heard(archive: Path, places: Places) -> None:
    def object_(staged: Places) -> None:
        assert staged.journal.is_file()
        raise BackupError("Wait.")

    before = everything(places.journal.parent)
    with pytest.raises(BackupError, match=r"Wait\."):
        restore(archive, places, object_)
    assert everything(places.journal.parent) == before


RESTORER = """
import sys
from pathlib import Path
from assistant.journal.backup import Places
from assistant.journal.restore import restore

archives, places = sys.argv[1:3], Places(*map(Path, sys.argv[3:]))
while True:
    for archive in archives:
        restore(Path(archive), places)
        print("restored", flush=True)
"""


def test_a_kill_leaves_one_journal_or_the_other(archive: Path, places: Places) -> None:
    with Journal(places.journal) as journal:
        exchange(journal, "said since")
    since = archive.with_name("since.tar")
    pack(places, since, NOW)
    moments = random.Random(0)
    for _ in range(6):
        with start(RESTORER, archive, since, places.journal, places.bridges) as restorer:
            assert restorer.stdout is not None
            for _ in range(moments.randrange(1, 4)):
                assert restorer.stdout.readline() == "restored\n"
            time.sleep(moments.uniform(0, 0.1))  # so that it strikes anywhere
            restorer.kill()
        with Journal(places.journal) as journal:
            check = journal.database.conn.execute("PRAGMA integrity_check").fetchone()
            assert check == ("ok",)
            assert journal.count() in (3, 4)
            assert all(journal.audio(turn.id).size for turn in journal.turns())
    restore(archive, places)
    assert said(places.journal) == ["number 0", "number 1", "number 2"]
    assert everything(places.bridges) == BRIDGES


def test_what_is_restored_belongs_to_whom_the_folder_belongs_to(
    archive: Path, places: Places
) -> None:
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    os.chown(places.journal, owner, -1)
    restore(archive, places)
    restored = [places.journal, places.bridges, *places.bridges.iterdir()]
    assert {path.stat().st_uid for path in restored} == {owner}
