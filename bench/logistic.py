"""Logistic regression by Newton's method, for the few numbers that the benches fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit(given: Floats, right: Floats, weights: Floats | None = None, ridge: float = 0.01) -> Floats:
    """Coefficients (n_features,), the first of them for a column of ones.

    Args:
        given: (n_samples, n_features), ones in the first column.
        right: (n_samples,), 0 or 1.
        weights: of the samples, (n_samples,); none: all the same.
        ridge: keeps coefficients small where the samples could be told apart without a fault.
    """
    found = np.zeros(given.shape[1])
    weight = np.ones(len(right)) if weights is None else weights
    for _ in range(100):
        chance = chances(given, found)
        gradient = given.T @ (weight * (chance - right)) + ridge * found
        curvature = (given * (weight * chance * (1 - chance))[:, None]).T @ given
        found -= np.linalg.solve(curvature + ridge * np.eye(len(found)), gradient)
    return found


def chances(given: Floats, coefficients: Floats) -> Floats:
    """(n_samples,), 0 to 1."""
    return 1 / (1 + np.exp(-np.clip(given @ coefficients, -30, 30)))


def calibration_error(chance: Floats, right: Floats, bins: int = 10) -> float:
    """Expected calibration error: how far shares and chances lie apart, bins by their size."""
    place = np.minimum((chance * bins).astype(int), bins - 1)
    found = 0.0
    for each in range(bins):
        here = place == each
        if here.any():
            found += here.mean() * abs(chance[here].mean() - right[here].mean())
    return float(found)
