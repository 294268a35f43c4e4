"""The short form of ``tests/soak/test_ringing.py``."""

from __future__ import annotations

from pathlib import Path

from tests.soak.ringing import Ringing


def test_a_household_that_is_killed_ten_times_loses_no_time_and_says_none_twice(
    tmp_path: Path,
) -> None:
    counts = Ringing(tmp_path, 100).live_through(9, hours=0)
    assert counts["kills"] >= 10
    assert counts["changes of summer time"] >= 2
    assert counts["changes of zone"] == 2
    assert counts["rings, late"] > 0
