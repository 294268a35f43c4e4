"""The short form of tests/soak/test_kills.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import Judged, Nothing
from tests.personalise.pupil import Pupil
from tests.soak.household import EXAMPLES, Household
from tests.soak.moments import Kill, Stage, Victim
from tests.sound import SoundServer


@pytest.fixture(scope="module")
def pupil() -> Pupil:
    return Pupil.speaking(EXAMPLES)


@pytest.fixture
def household(tmp_path: Path, pupil: Pupil, sound_server: SoundServer) -> Household:
    household = Household(tmp_path, sound_server)
    household.teach(pupil)
    return household


def test_a_trainer_killed_anywhere_loses_nothing_and_goes_on_where_it_was(
    household: Household,
) -> None:
    for at, delay_s in (
        ((Stage.STARTING, 0), 1.0),
        ((Stage.HEARING, 18), 0.01),
        ((Stage.TRAINING, 7), 0.005),
        ((Stage.TRAINING, 20), 0.02),
        ((Stage.JUDGING, 5), 0.05),
        ((Stage.PROMOTING, 0), 0.01),
    ):
        life = household.train(Kill(Victim.LONE_TRAINER, at, delay_s), eager=True)
        assert life.place >= at
        household.check()
    assert isinstance(household.train(eager=True).told, Judged | Nothing)
    version = household.check()
    assert BridgeFolder(household.settings.bridges).current == version
    assert household.ask()["bridge"] == version

    household.number = 0  # the same training anew
    assert household.train(eager=True).told == Nothing(
        "This training leads to the version that is already in use."
    )
    assert household.check() == version


@pytest.mark.parametrize(
    "kill",
    [
        Kill(Victim.BOTH, (Stage.TRAINING, 3), 0.1),
        Kill(Victim.DAEMON, (Stage.HEARING, 3), 1.0, spoken=True),
    ],
    ids=["both", "daemon"],
)
def test_a_daemon_killed_beside_its_trainer_starts_again_whole(
    household: Household, kill: Kill
) -> None:
    household.live(kill)
    household.check()
