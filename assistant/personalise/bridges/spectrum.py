"""Singular values of a bridge's last matrix: how many directions it really uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import CheckpointError
from assistant.values import sealed

FIRST = 8
"""Singular values whose share of the energy is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The singular values of one matrix."""

    matrix: str  # its name in the checkpoint
    shape: tuple[int, int]  # (n_outputs, n_inputs)
    values: NDArray[np.float32]  # largest first, shape (min(shape),)

    def __post_init__(self) -> None:
        sealed(self.values, "float32", 1, "Spectrum.values")

    @property
    def rank(self) -> int:
        """Number of singular values above rounding errors."""
        least = self.values[0] * max(self.shape) * np.finfo(np.float32).eps
        return int((self.values > least).sum())

    @property
    def condition(self) -> float:
        """Largest over smallest singular value; infinite if the smallest is 0."""
        return float(self.values[0] / self.values[-1]) if self.values[-1] > 0 else float("inf")

    @property
    def energy(self) -> float:
        """Share of the first ``FIRST`` in the sum of squares, 0 to 1; 0 for a zero matrix."""
        squares = self.values.astype(np.float64) ** 2
        return float(squares[:FIRST].sum() / squares.sum()) if squares.any() else 0.0


def spectrum(found: Checkpoint) -> Spectrum:
    """The singular values of a bridge's last learned matrix.

    Raises:
        CheckpointError: if that matrix is missing or not finite.
    """
    from assistant.bridge import kinds  # noqa: PLC0415 - needs torch, which listing does not

    name = kinds.of(found.config).last_matrix(found.config.kind)
    matrix = found.weights.get(name)
    if matrix is None or matrix.ndim != 2 or not matrix.numel() or not matrix.isfinite().all():
        raise CheckpointError(
            f"Version {found.version} is damaged: it has no finite matrix {name}. Use another "
            "one from 'assistant bridge list'."
        )
    values = np.linalg.svd(matrix.float().numpy(), compute_uv=False)
    return Spectrum(name, (matrix.shape[0], matrix.shape[1]), values.astype(np.float32))
