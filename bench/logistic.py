"""Logistic regressions by Newton's method, for the few numbers that the benches fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of several, of which some are right."""

    given: Floats  # (n_alternatives, n_features)
    right: NDArray[np.bool_]  # (n_alternatives,), at least one


def fit_choices(given: Sequence[Choice], ridge: float = 0.05) -> Floats:
    """Coefficients (n_features,) with which the right alternatives get the largest share.

    Args:
        given: the choices.
        ridge: keeps coefficients small where the right ones could be told without a fault.
    """
    found = np.zeros(given[0].given.shape[1])
    for _ in range(100):
        gradient, curvature = ridge * found, ridge * np.eye(len(found))
        for each in given:
            shares = choices(each, found)
            mean = shares @ each.given
            right = shares * each.right / (shares @ each.right)
            gradient += mean - right @ each.given
            curvature += (each.given.T * shares) @ each.given - np.outer(mean, mean)
        step = np.linalg.solve(curvature, gradient)
        found -= step / max(1.0, float(np.abs(step).max()))  # a step too far would not come back
    return found


def choices(given: Choice, coefficients: Floats) -> Floats:
    """The share of each alternative, (n_alternatives,), together 1."""
    odds = np.exp(given.given @ coefficients - (given.given @ coefficients).max())
    return odds / odds.sum()
