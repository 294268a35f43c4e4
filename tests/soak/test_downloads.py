from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.broken import Trouble
from tests.catalog.hub import serving
from tests.soak.ledger import Ledger


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_100))
def test_whatever_happens_to_a_pull_no_half_model_is_left(seed: int, tmp_path: Path) -> None:
    def live() -> dict[str, object]:
        with serving() as hub:
            return {"counts": Trouble(hub, tmp_path / "models", seed).live(troubles=4)}

    Ledger("downloads").settle(seed, live)
