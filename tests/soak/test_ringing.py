from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.ledger import Ledger
from tests.soak.ringing import Ringing

KILLS = 19
"""Per household, and one at its end; 10 households make 200."""


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_killed_no_time_is_lost_or_said_twice(seed: int, tmp_path: Path) -> None:
    def live() -> dict[str, object]:
        return {"counts": Ringing(tmp_path, seed).live_through(KILLS, hours=8)}

    Ledger("ringing").settle(seed, live)
