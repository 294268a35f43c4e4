from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from assistant.cli import backup, restore
from assistant.config import load
from assistant.control.server import Server
from assistant.errors import BackupError
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.journal.exchanges import exchange
from tests.personalise.lived_in import learn, talk


def run(path: Path, *words: object) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    backup.register(commands)
    restore.register(commands)
    args = parser.parse_args(list(map(str, words)))
    flags = {"journal.path": path, "control.path": path.with_name("control.sock")}
    loaded = load(flags, environ={}, files=())
    return args.run(args, loaded.settings, loaded)


def test_a_device_is_saved_and_put_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data" / "journal.db"
    saved = tmp_path / "saved"
    saved.mkdir()
    with Journal(path) as daemon:  # which goes on meanwhile
        folder = BridgeFolder(path.parent / "bridges")
        for number in (1, 2):
            talk(daemon, number)
        version, _ = learn(daemon, folder, [1], seed=1)
        before = list(daemon.turns())
        assert run(path, "backup", saved) == 0
        (archive,) = saved.iterdir()
        assert archive.name.startswith("attune-20")
        assert archive.suffix == ".tar"
        size = archive.stat().st_size
        assert capsys.readouterr().out.splitlines() == [
            "Saved: exchanges 2, learned versions 1.",
            f"Backup: {archive} ({size / 1_000_000:.1f} MB)",
            "Anyone who has this file can hear and read what was said: keep it safe.",
        ]
        exchange(daemon, "said since")
        learn(daemon, folder, [2], seed=2)
    assert run(path, "restore", archive) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("Restored: exchanges 2, learned versions 1, as of 20")
    assert told[1:] == [
        f"What it replaced is kept as {path}.before-restore.",
        f"What it replaced is kept as {path.parent}/bridges.before-restore.",
        "Delete that once all is well; 'assistant forget-me' erases it, too.",
        "Anything you erased after the backup is back as well; erase it again.",
    ]
    with Journal(path) as journal:
        assert list(journal.turns()) == before
    folder = BridgeFolder(path.parent / "bridges")
    assert (folder.current, folder.versions()) == (version, [version])
    assert folder.is_whole(version)
    assert BridgeFolder(path.parent / "bridges.before-restore").current != version


def test_an_earlier_backup_is_only_written_over_by_force(
    journal: Journal, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange(journal)
    archive = tmp_path / "saved.tar"
    assert run(path, "backup", archive) == 0
    exchange(journal)
    with pytest.raises(BackupError, match=r"already exists\. .*or add --force"):
        run(path, "backup", archive)
    assert run(path, "backup", archive, "--force") == 0
    assert "Saved: exchanges 2," in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_told(journal: Journal, path: Path, tmp_path: Path) -> None:
    exchange(journal)
    with pytest.raises(BackupError, match=r"Cannot write the backup .*: No such file or directory"):
        run(path, "backup", tmp_path / "missing" / "saved.tar")


def test_nothing_is_restored_while_attune_runs(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(path) as journal:
        exchange(journal)
    archive = tmp_path / "saved.tar"
    assert run(path, "backup", archive) == 0
    with Journal(path) as journal:
        exchange(journal)
    before = path.read_bytes()
    with (
        Server(path.with_name("control.sock")),
        pytest.raises(BackupError, match=r"Attune is running\. Stop it, then restore again"),
    ):
        run(path, "restore", archive)
    assert path.read_bytes() == before
    assert run(path, "restore", archive) == 0
    assert "Restored: exchanges 1," in capsys.readouterr().out
