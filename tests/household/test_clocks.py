from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from assistant.household import clocks


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch
    monkeypatch.undo()
    clocks._zone.cache_clear()
    time.tzset()


def test_a_zone_that_changes_is_followed_without_a_restart(zone: pytest.MonkeyPatch) -> None:
    for name, hours in (("Asia/Tokyo", 9), ("America/Bogota", -5), ("Asia/Tokyo", 9)):
        zone.setenv("TZ", name)
        clocks._zone.cache_clear()  # as after the span of time
        moment = clocks.look()
        assert (moment.zone, moment.now.utcoffset()) == (name, timedelta(hours=hours))
        assert datetime.now().astimezone().utcoffset() == timedelta(hours=hours)


def test_the_zone_is_read_anew_after_a_while(zone: pytest.MonkeyPatch) -> None:
    zone.setenv("TZ", "Asia/Tokyo")
    clocks._zone.cache_clear()
    assert str(clocks._zone(1)) == "Asia/Tokyo"
    zone.setenv("TZ", "America/Bogota")
    assert str(clocks._zone(1)) == "Asia/Tokyo"
    assert str(clocks._zone(2)) == "America/Bogota"
