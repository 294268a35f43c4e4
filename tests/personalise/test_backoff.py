from __future__ import annotations

import pytest

from assistant.personalise.background.backoff import DAY_S, Failures

RETRY_S = 600.0


def failed(times: int, at: float = 1_000.0) -> Failures:
    failures = Failures()
    for _ in range(times):
        failures = failures.another(at, "it died")
    return failures


def test_without_a_failure_nothing_is_waited_for() -> None:
    assert Failures().left_s(0.0, RETRY_S) == 0.0


def test_the_wait_doubles_up_to_a_day() -> None:
    delays = [failed(times).delay_s(RETRY_S) for times in range(1, 11)]
    assert delays[:4] == [600.0, 1_200.0, 2_400.0, 4_800.0]
    assert delays[-1] == failed(5_000).delay_s(RETRY_S) == DAY_S


def test_the_wait_ends() -> None:
    failures = failed(1)
    assert [failures.left_s(now, RETRY_S) for now in (1_000.0, 1_599.0, 1_600.0, 9e9)] == [
        600.0,
        1.0,
        0.0,
        0.0,
    ]


def test_a_clock_that_was_set_back_makes_no_wait_longer() -> None:
    assert failed(1, at=1e9).left_s(0.0, RETRY_S) == RETRY_S


def test_failures_are_remembered_as_text() -> None:
    assert Failures.from_text(failed(3).to_text()) == Failures(3, 1_000.0, "it died")


@pytest.mark.parametrize("text", [None, "", "three", "[]", "null", '{"count": 1}', '{"count": []}'])
def test_what_cannot_be_read_counts_as_no_failure(text: str | None) -> None:
    assert Failures.from_text(text) == Failures()
