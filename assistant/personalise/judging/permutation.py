"""A paired permutation test: do the same utterances get fewer words wrong?

If two readings were equally good, either could have come first, so every difference could as well
have had the other sign. The test counts how many ways of turning signs around would give at least
the difference that was found. Its interval follows from the same count (Hartigan 1969, "Using
subsample values as typical values").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT = 12
"""Most utterances for which all ways of turning signs are counted."""

DRAWS = 4_095
"""Ways that are drawn for more utterances."""


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much the share of wrong words falls, -1 to 1."""

    mean: float
    least: float  # lower end of its one-sided interval; -1 with too few utterances
    p: float  # chance of a mean at least this high if neither is better


def gain(
    before: Sequence[float], after: Sequence[float], words: Sequence[int], level: float
) -> Gain:
    """Compare two readings of the same utterances, each of which counts by its words.

    Args:
        before: wrong words of each utterance.
        after: wrong words in the other reading.
        words: words of each utterance, at least 1.
        level: chance of finding a gain where there is none, above 0.
    """
    fewer = np.subtract(before, after, dtype=np.float64)
    said = np.asarray(words, np.float64)
    turned = _turned(len(said))
    # with a set's signs turned the mean is at least as high if that set had gained nothing
    shares = np.sort(turned @ fewer / (turned @ said))
    ways = len(shares) + 1  # with the one in which nothing is turned
    allowed = math.floor(level * ways + 1e-9) - 1
    least = -1.0
    if allowed >= 0 and len(shares):
        least = float(shares[min(allowed, len(shares) - 1)])
    return Gain(
        mean=float(fewer.sum() / max(1.0, said.sum())),
        least=least,
        p=float((1 + np.count_nonzero(shares <= 0)) / ways),
    )


def _turned(count: int) -> NDArray[np.bool_]:
    """Sets of utterances whose signs are turned, none of them empty, (n_sets, count)."""
    if count <= EXACT:
        numbers = np.arange(1, 2**count, dtype=np.int64)[:, None]
        return (numbers >> np.arange(count, dtype=np.int64)) % 2 == 1
    found = np.random.default_rng(0).random((DRAWS, count)) < 0.5
    return found[found.any(axis=1)]
