"""The regressions that the benches fit."""

from __future__ import annotations

import numpy as np
import pytest

from bench.logistic import Choice, choices, fit_choices


def drawn(coefficients: list[float], count: int, seed: int) -> list[Choice]:
    """Choices among four, made by chance with known odds."""
    rng = np.random.default_rng(seed)
    found: list[Choice] = []
    for _ in range(count):
        given = rng.standard_normal((4, len(coefficients)))
        shares = choices(Choice(given, np.ones(4, bool)), np.array(coefficients))
        found.append(Choice(given, np.arange(4) == rng.choice(4, p=shares)))
    return found


def test_the_odds_behind_choices_are_found() -> None:
    made = [1.5, -0.7, 0.0]
    assert fit_choices(drawn(made, 3_000, 1)) == pytest.approx(made, abs=0.15)


def test_several_may_be_right() -> None:
    given = np.array([[1.0], [1.0], [0.0]])
    both, one = (
        Choice(given, np.array(right)) for right in ([True, True, False], [False, False, True])
    )
    found = fit_choices([both, both, both, one], ridge=1e-6)
    assert choices(both, found)[:2].sum() == pytest.approx(0.75, abs=1e-3)


def test_what_could_be_told_without_a_fault_stays_finite() -> None:
    sure = Choice(np.array([[1.0], [0.0]]), np.array([True, False]))
    found = fit_choices([sure] * 20)
    assert np.isfinite(found).all()
    assert choices(sure, found).sum() == pytest.approx(1.0)
