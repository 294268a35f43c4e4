"""What has been measured, cell by cell, as the report and its pictures ask for it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.paper.grid import METHODS

Row = Mapping[str, Any]
"""What a cell left; ``bench.paper.cells`` and its siblings say what is in it."""

NAMES = {
    "cascade": "cascade",
    "ours": "Ours",
    "ctc": "Attune, ctc",
    "anchored": "Attune, anchored",
    "letters": "Attune, letters",
    "mlp": "Proj_only",
    "linear": "linear layer",
    "a1": "A1",
    "a2-lora": "A2, LoRA",
    "a2-full": "A2, full",
    "a3": "A3",
    "pooled": "Attune, pooled",
}
"""What the report calls the methods."""


class Setup(NamedTuple):
    """A corpus and the LLM that answers."""

    corpus: str
    llm: str

    def __str__(self) -> str:
        return f"{self.corpus} with {self.llm}"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over seeds."""

    mean: float
    deviation: float  # sample standard deviation; 0 of a single seed
    count: int

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        """Mean and standard deviation of some figures, one at least."""
        known = list(figures)
        deviation = statistics.stdev(known) if len(known) > 1 else 0.0
        return cls(statistics.fmean(known), deviation, len(known))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.deviation:.3f}" if self.count > 1 else "")


@dataclass(frozen=True, slots=True)
class Rows:
    """All that is known, in the order it came."""

    every: Sequence[Row]

    def of(self, experiment: str, setup: Setup, **cell: object) -> list[Row]:
        """The rows of an experiment whose cells are so."""
        wanted = {"experiment": experiment, **setup._asdict(), **cell}
        return [row for row in self.every if wanted.items() <= row["cell"].items()]

    def setups(self, *experiments: str) -> list[Setup]:
        """What some experiments have been measured on."""
        cells = [row["cell"] for row in self.every if row["cell"]["experiment"] in experiments]
        return list(dict.fromkeys(Setup(cell["corpus"], cell["llm"]) for cell in cells))

    def table(self, setup: Setup) -> dict[str, Row]:
        """The methods of the table, first seed, in the order of the table."""
        found = {row["cell"]["method"]: row for row in self.of("table", setup, seed=0)}
        return {method: found[method] for method in METHODS if method in found}

    def ours(self, setup: Setup) -> list[Row]:
        """The table's own cells with all seeds, which the open questions are compared with."""
        return self.of("table", setup, method="ours")

    def used(self, name: str) -> str:
        """How many epochs, samples or unseen utterances were used at most."""
        found = sorted({row["used"][name] for row in self.every})
        return " or ".join(f"{each:,}" for each in found)


def finite(points: Sequence[Row]) -> list[Row]:
    """The points of a curve before it diverges, if it does."""
    return [point for point in points if math.isfinite(point["loss"])]


def geometric_mean(ratios: Iterable[float]) -> float:
    """The mean of ratios: that of their inverses is its inverse."""
    return statistics.geometric_mean(ratios)
