"""A linear map from one embedding table to another, fitted on tokens that both share.

Embedding tables differ by little more than a linear map (arXiv 2406.13357 reuses a projector
unchanged with a sibling model). The kind of map is chosen on rows held out from the fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridge penalties, in units of the source rows' mean variance per dimension."""

JUDGES = 1_000
"""Most held-out rows used to choose a map."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Maps rows of one table to their places in another."""

    kind: str  # as in "ridge 0.01"
    matrix: Rows  # (n_source, n_target)
    offset: Rows  # (n_target,)
    accuracy: float = 0.0  # share of held-out rows mapped nearest to their counterpart
    cosine: float = 0.0  # mean cosine of held-out rows to their counterpart

    def __call__(self, rows: Rows) -> Rows:
        """Map (n, n_source) to (n, n_target)."""
        return rows @ self.matrix + self.offset


def fit(source: Rows, target: Rows, weights: Rows | None = None) -> LinearMap:
    """The map that is most accurate on held-out rows, which are every tenth.

    Args:
        source: (n, n_source).
        target: the same tokens' rows in the other table, (n, n_target).
        weights: of the rows in the fit, (n,); by default equal.

    Raises:
        ValueError: for fewer than two rows.
    """
    if len(source) < 2:
        raise ValueError("a map needs at least two rows, one to fit and one to judge")
    judges = np.arange(len(source)) % 10 == 1
    fitted = ~judges
    shares = np.ones(len(source), np.float32) if weights is None else weights
    tried = [
        _judged(each, source[judges][:JUDGES], target[judges][:JUDGES])
        for each in _maps(source[fitted], target[fitted], shares[fitted])
    ]
    return max(tried, key=lambda each: (each.accuracy, each.cosine))


def _maps(source: Rows, target: Rows, weights: Rows) -> Iterator[LinearMap]:
    """Procrustes if the widths are equal, and ridge regression of every strength."""
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
    """The map with its accuracy on held-out rows."""
    cosines = unit(found(source)) @ unit(target).T
    hits = cosines.argmax(axis=1) == np.arange(len(target))
    cosine = float(np.diagonal(cosines).mean())
    return replace(found, accuracy=float(hits.mean()), cosine=cosine)


def unit(rows: Rows) -> Rows:
    """The rows scaled to unit length, (n, width)."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
