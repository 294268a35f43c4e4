"""What is due is said by the daemon between turns."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assistant.daemon import bell
from assistant.household.agenda import How
from tests.daemon.home import Daemon, Home


@pytest.fixture(autouse=True)
def _without_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "TICK_S", 0.01)
    monkeypatch.setattr(bell, "GAP_S", 0.01)


def ring(daemon: Daemon) -> None:
    """A timer is over."""
    household = daemon.assistant.desk.household
    household.agenda.start_timer(timedelta(0), "egg", household.look())


def test_a_timer_rings_until_somebody_says_stop(home: Home) -> None:
    with home.daemon(role=("learn",)) as daemon:
        daemon.maintenance._sound_at -= 60  # pyright: ignore[reportPrivateUsage]
        ring(daemon)
        daemon.until(lambda: home.ear.sentences >= 3)
        assert daemon.assistant.desk.said_last == "The egg timer is over."
        assert daemon.assistant.desk.silence()
        agenda = daemon.assistant.desk.household.agenda
        assert agenda.rings() == []
        before = home.ear.sentences
        for _ in range(20):
            daemon.maintenance.idle()
        assert home.ear.sentences == before


def test_nothing_rings_while_somebody_speaks(home: Home) -> None:
    with home.daemon(role=("learn",)) as daemon:
        ring(daemon)
        for _ in range(20):
            daemon.maintenance.speech(0.0)
            daemon.maintenance.idle()
        assert home.ear.sentences == 0
        daemon.until(lambda: home.ear.sentences >= 1)


def test_what_rings_is_answered_with_okay(home: Home) -> None:
    with home.daemon(role=("learn",)) as daemon:
        ring(daemon)
        daemon.until(lambda: home.ear.sentences >= 1)
        assert daemon.assistant.read("okay", aloud=False).reply == "All right."
        agenda = daemon.assistant.desk.household.agenda
        household = daemon.assistant.desk.household
        past = agenda.past(household.look().now - timedelta(minutes=5))
        assert [each.how for each in past] == [How.DONE]
