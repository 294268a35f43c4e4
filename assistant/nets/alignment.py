"""A linear map from one embedding table into another, fitted on tokens that both have.

Tables of language models differ by little more than a linear map (arXiv 2406.13357 lets a
projector go over to a model's sibling as it is). Which kind of map serves best is asked of rows
that have not been fitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of ridge regression, in units of the source rows' mean variance per dimension."""

JUDGES = 1_000
"""Most rows that are not fitted, but judge."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Rows of one table to where they would lie in another."""

    kind: str  # as in "ridge 0.01"
    matrix: Rows  # (n_source, n_target)
    offset: Rows  # (n_target,)
    accuracy: float = 0.0  # share of judging rows that land nearest to their own counterpart
    cosine: float = 0.0  # mean cosine of judging rows to their counterpart

    def __call__(self, rows: Rows) -> Rows:
        """Map (n, n_source) to (n, n_target)."""
        return rows @ self.matrix + self.offset


def fit(source: Rows, target: Rows, weights: Rows | None = None) -> LinearMap:
    """The map that takes judging rows nearest to their counterparts; every tenth row judges.

    Args:
        source: (n, n_source).
        target: the same tokens' rows in the other table, (n, n_target).
        weights: how much each row counts in the fit, (n,); by default all the same.

    Raises:
        ValueError: for less than two rows, of which none could judge.
    """
    if len(source) < 2:
        raise ValueError("a map needs two rows at least, one to be fitted and one to judge")
    judges = np.arange(len(source)) % 10 == 1
    fitted = ~judges
    shares = np.ones(len(source), np.float32) if weights is None else weights
    tried = [
        _judged(each, source[judges][:JUDGES], target[judges][:JUDGES])
        for each in _maps(source[fitted], target[fitted], shares[fitted])
    ]
    return max(tried, key=lambda each: (each.accuracy, each.cosine))


def _maps(source: Rows, target: Rows, weights: Rows) -> Iterator[LinearMap]:
    """Procrustes where the widths are equal, and ridge regression of every strength."""
    of_source = np.average(source, axis=0, weights=weights)
    of_target = np.average(target, axis=0, weights=weights)
    roots = np.sqrt(weights)[:, None]
    x, y = (source - of_source) * roots, (target - of_target) * roots
    gram, cross = (x.T @ x).astype(np.float64), (x.T @ y).astype(np.float64)

    def linear(kind: str, matrix: NDArray[np.float64]) -> LinearMap:
        offset = of_target - of_source @ matrix
        return LinearMap(kind, matrix.astype(np.float32), offset.astype(np.float32))

    spread = max(float(np.trace(gram)), np.finfo(np.float64).tiny)
    if source.shape[1] == target.shape[1]:
        left, values, right = np.linalg.svd(cross)
        yield linear("procrustes", (left @ right) * (values.sum() / spread))
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ cross
    for strength in STRENGTHS:
        shrunk = np.maximum(values, 0) + strength * spread / len(gram)
        yield linear(f"ridge {strength:g}", vectors @ (turned / shrunk[:, None]))


def _judged(found: LinearMap, source: Rows, target: Rows) -> LinearMap:
    """The map with how well it does on rows that it was not fitted to."""
    cosines = unit(found(source)) @ unit(target).T
    hits = cosines.argmax(axis=1) == np.arange(len(target))
    return LinearMap(
        found.kind,
        found.matrix,
        found.offset,
        accuracy=float(hits.mean()),
        cosine=float(np.diagonal(cosines).mean()),
    )


def unit(rows: Rows) -> Rows:
    """The rows with length one, (n, width)."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
