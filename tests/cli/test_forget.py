from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from assistant.cli import forget_me
from assistant.cli.shared.erasure import delete
from assistant.config import load
from assistant.errors import ConfigError
from assistant.journal.backup import Places, pack
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.skills.typed import Typed
from tests.journal.exchanges import STARTED_AT
from tests.personalise.lived_in import Traces, begin_training, learn, talk


def forget(path: Path, *words: str, wav_dir: Path | None = None) -> int:
    parser = argparse.ArgumentParser()
    forget_me.register(parser.add_subparsers())
    args = parser.parse_args(["forget-me", *words])
    flags = {"journal.path": path, "speak.wav_dir": wav_dir}
    loaded = load(flags, environ={}, files=())
    return args.run(args, loaded.settings, loaded)


def test_everything_that_was_said_and_learned_is_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data" / "journal.db"
    with Journal(path) as daemon:
        folder = BridgeFolder(path.parent / "bridges")
        traces = [talk(daemon, number) for number in (1, 2)]
        _, weights = learn(daemon, folder, [1], seed=1)
        everything = [*traces, weights, begin_training(folder)]
        assert all(each.left_in(path.parent) for each in everything)
        assert forget(path, "--yes") == 0
        assert capsys.readouterr().out.splitlines() == [
            "Erased: exchanges 2, learned versions 1.",
            "What Attune came with is in use from now on.",
            "Exports and backups that you saved elsewhere are not erased.",
        ]
        assert [each.left_in(path.parent) for each in everything] == [[]] * 4
        assert daemon.count() == 0
        assert daemon.memories("") == {}


def every_kind_of_copy(path: Path, chosen: Path) -> list[Traces]:
    """Whatever Attune itself makes of what is said, on a device where much went wrong."""
    folder = BridgeFolder(path.parent / "bridges")
    with Journal(path) as journal:
        traces = [talk(journal, number) for number in (1, 2, 3)]
        _, weights = learn(journal, folder, [1], seed=1)
        version, more = learn(journal, folder, [1, 2], seed=2)
        traces += [weights, more, begin_training(folder)]
        Typed(journal).keep("notes", ["Peter", "Peter is your son."])
        traces.append(Traces((b"Peter is your son.",)))
    places, archive = Places(path, folder.folder), path.parent.parent / "saved.tar"
    pack(places, archive, STARTED_AT)
    for _ in range(2):  # what they replace is kept
        restore(archive, places)
    archive.unlink()  # the one copy that is a person's own
    begin_training(folder)
    killed = path.parent / ".attune-backup-x"
    killed.mkdir()
    shutil.copy(path, killed / "journal.db")
    shutil.copy(path, killed / "backup.tar")
    shutil.copy(path, path.with_name("journal.db.restoring"))
    shutil.copytree(folder.folder, path.with_name("bridges.restoring"))
    shutil.copy(folder.path(version), folder.path(version).with_suffix(".erasing"))
    for name in ("bootstrap", "bootstrap-own"):
        for suffix in (".frames", ".jsonl"):
            (folder.folder / f"{name}{suffix}").write_bytes(traces[1].of[0])
    (folder.folder / "bootstrap.safetensors").write_bytes(traces[1].of[0])
    chosen.mkdir()
    for name in ("turn-000002.wav", "exchange-2.wav", "enrolment.wav", "say.wav"):
        (chosen / name).write_bytes(traces[1].of[0])
    return traces


def test_no_copy_that_attune_makes_outlives_forgetting(tmp_path: Path) -> None:
    path, chosen = tmp_path / "home" / "data" / "journal.db", tmp_path / "home" / "chosen"
    traces = every_kind_of_copy(path, chosen)
    assert len({name for each in traces for name, _ in each.left_in(tmp_path)}) > 12
    assert forget(path, "--yes", wav_dir=chosen) == 0
    assert [each.left_in(tmp_path) for each in traces] == [[]] * len(traces)


def test_no_copy_that_attune_makes_outlives_a_deletion(tmp_path: Path) -> None:
    path, chosen = tmp_path / "home" / "data" / "journal.db", tmp_path / "home" / "chosen"
    first, second, *_ = every_kind_of_copy(path, chosen)
    (path.parent / "bridges" / "bootstrap.frames").unlink()  # of people who were imported
    (path.parent / "bridges" / "bootstrap.jsonl").unlink()
    (chosen / "say.wav").unlink()  # of nobody's question
    assert second.left_in(tmp_path) != []
    settings = load({"journal.path": path, "speak.wav_dir": chosen}, environ={}, files=()).settings
    with Journal(path) as journal:
        assert delete(journal, settings, [2], yes=True).status == 0
        assert [turn.id for turn in journal.turns()] == [3, 1]
    assert second.left_in(tmp_path) == []
    assert first.left_in(tmp_path) != []


def test_nothing_is_forgotten_unasked(journal: Journal, path: Path) -> None:
    talk(journal, 1)
    with pytest.raises(ConfigError, match="Erasing cannot be undone: add --yes"):
        forget(path)
    assert journal.count() == 1
