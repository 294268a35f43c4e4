from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from assistant.cli import forget_me
from assistant.config import load
from assistant.errors import ConfigError
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from tests.personalise.lived_in import begin_training, learn, talk


def forget(path: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    forget_me.register(parser.add_subparsers())
    args = parser.parse_args(["forget-me", *words])
    loaded = load({"journal.path": path}, environ={}, files=())
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
            "Erased: exchanges 2, learned bridges 1.",
            "The base bridge is in use from now on.",
            "Exports and backups that you saved elsewhere are not erased.",
        ]
        assert [each.left_in(path.parent) for each in everything] == [[]] * 4
        assert daemon.count() == 0
        assert daemon.memories("") == {}


def test_nothing_is_forgotten_unasked(journal: Journal, path: Path) -> None:
    talk(journal, 1)
    with pytest.raises(ConfigError, match="Erasing cannot be undone: add --yes"):
        forget(path)
    assert journal.count() == 1
