from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog import hub as hubs
from tests.catalog import index as indexes
from tests.catalog.broken import Trouble
from tests.catalog.lying import Journey
from tests.soak.ledger import Ledger


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_100))
def test_whatever_happens_to_a_pull_no_half_model_is_left(seed: int, tmp_path: Path) -> None:
    def live() -> dict[str, object]:
        with hubs.serving() as hub:
            return {"counts": Trouble(hub, tmp_path / "models", seed).live(troubles=4)}

    Ledger("downloads").settle(seed, live)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_100))
def test_whatever_its_sources_do_a_model_is_whole_or_not_there(seed: int, tmp_path: Path) -> None:
    def live() -> dict[str, object]:
        with hubs.serving() as hub, indexes.serving() as index:
            return {"counts": Journey(hub, index, tmp_path, seed).live()}

    Ledger("sources").settle(seed, live)
