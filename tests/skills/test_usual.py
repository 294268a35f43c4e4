"""Usual values of slots."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.skills.usual import days, durations, numbers, times
from assistant.spoken import said_words


@pytest.mark.parametrize("values", [days, durations, numbers, times])
def test_they_are_said_as_a_transcript_is_compared_and_none_twice(
    values: Callable[[], list[str]],
) -> None:
    found = values()
    assert found == [said_words(each) for each in found]
    assert len(found) == len(set(found))


def test_what_is_asked_for_most_is_among_them() -> None:
    assert {"ten minutes", "one minute", "an hour and a half", "thirty seconds"} < set(durations())
    assert {"noon", "midnight", "half past seven", "seven o'clock", "twenty five to nine"} < set(
        times()
    )
    assert {"eight o'clock in the morning", "eight in the evening"} < set(times())
    assert {"sunday", "tomorrow", "next friday"} < set(days())
    assert {"zero", "thirty", "ninety five"} < set(numbers())
    assert "one minutes" not in durations()
