from __future__ import annotations

from pathlib import Path

import pytest

from tests.personalise.pupil import Pupil
from tests.soak.household import EXAMPLES, Household, live_through
from tests.soak.ledger import Ledger
from tests.soak.moments import drawn
from tests.sound import SoundServer

KILLS = 5
"""Per household; 40 households make 200."""


@pytest.fixture(scope="module")
def pupil() -> Pupil:
    return Pupil.speaking(EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_killed_a_new_start_finds_everything_whole(
    seed: int, tmp_path: Path, pupil: Pupil, sound_server: SoundServer
) -> None:
    def live() -> dict[str, object]:
        start = "base" if seed % 2 else "current"
        household = Household(tmp_path, sound_server, number=1_000 * seed, start=start)
        household.teach(pupil)
        return {"counts": live_through(household, drawn(seed, KILLS), eager=seed % 4 < 2)}

    Ledger("kills").settle(seed, live)
