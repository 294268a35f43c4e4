from __future__ import annotations

from pathlib import Path

import pytest

from assistant.catalog.folder import ModelFolder
from tests.catalog.broken import Trouble
from tests.catalog.hub import FakeHub
from tests.catalog.index import FakeIndex
from tests.catalog.lying import SEEDS, Journey
from tests.catalog.models import entry, stock
from tests.catalog.puller import WHOLE, Puller


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_to_a_pull_no_half_model_is_left(
    seed: int, hub: FakeHub, folder: ModelFolder
) -> None:
    Trouble(hub, folder.path, seed).live(troubles=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_its_sources_do_a_model_is_whole_or_not_there(
    seed: int, hub: FakeHub, index: FakeIndex, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    Journey(hub, index, tmp_path / "home", seed).live()


def test_a_full_disk_is_told_and_gone_on_with(hub: FakeHub, folder: ModelFolder) -> None:
    stock(hub, entry(), 200_000)
    told = Puller.start(hub.endpoint, folder.path, entry(), largest_file=100_000).end()
    assert told is not None
    assert "Cannot write to" in told
    assert "then pull again" in told
    assert folder.names() == []
    assert Puller.start(hub.endpoint, folder.path, entry()).end() == WHOLE
    assert hub.starts() == [0, 100_000]
    assert folder.damaged("tiny") == []
