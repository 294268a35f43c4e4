from __future__ import annotations

import numpy as np
import pytest

from bench.verification import equal_error, likeness


@pytest.mark.parametrize(
    ("users", "others", "rate"),
    [([0.8, 0.9], [0.1, 0.2], 0.0), ([0.1, 0.9], [0.2, 0.05], 50.0), ([0.1], [0.9], 100.0)],
)
def test_both_errors_are_equal_somewhere(
    users: list[float], others: list[float], rate: float
) -> None:
    assert equal_error(users, others) == rate


def test_likeness_is_to_the_mean_of_what_was_read() -> None:
    one, other = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    assert likeness([one, other], [one, -one]) == pytest.approx([2**-0.5, -(2**-0.5)])
