"""The loop that every method of the comparison is trained with, and when it has converged."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from assistant.child import peak_mb
from bench.paper.corpora import Sample

EPSILON = 0.05
"""Converged is what never falls again by more than this share of its whole fall."""

TARGET = 0.05
"""The loss that the paper's Table I waits for."""

PATIENCE = 40
"""Epochs without progress after which a training is broken off: it has converged before."""

PROGRESS = 0.002
"""Share of the first epoch's loss by which it must fall to count as progress."""


RATE = 1e-3
"""The paper's."""


class Learner(Protocol):
    """What the loop needs of a method."""

    def parameters(self) -> Sequence[nn.Parameter]:
        """What is trained."""
        ...

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """The training objective of a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training goes. The paper: AdamW at 1e-3, linear decay, at most 400 epochs."""

    epochs: int = 400
    batch: int = 16
    rate: float = RATE
    seed: int = 0
    bf16: bool = True  # where the processor multiplies it natively


@dataclass(frozen=True, slots=True)
class Point:
    """The mean loss of one epoch and what all epochs so far have cost."""

    epoch: int
    loss: float
    seconds: float  # of processor time
    joules: float | None = None  # where the machine counts them


@dataclass(frozen=True, slots=True)
class Course:
    """A training as it went."""

    points: tuple[Point, ...]
    steps: int
    peak_mb: float  # resident memory of the process at its highest
    wall_s: float

    @property
    def settled(self) -> Point:
        """Where the loss is stable: the paper's first definition (its loss changes < epsilon)."""
        return settled(self.points)

    @property
    def reached(self) -> Point | None:
        """Where the loss is at the target: the paper's second definition."""
        return next((point for point in self.points if point.loss <= TARGET), None)


def settled(points: Sequence[Point], epsilon: float = EPSILON) -> Point:
    """The first epoch after which the loss never falls by more than epsilon of its whole fall."""
    points = [point for point in points if math.isfinite(point.loss)] or points[:1]
    lowest = min(point.loss for point in points)
    room = epsilon * (points[0].loss - lowest)
    return next((point for point in points if point.loss <= lowest + room), points[0])


def train(
    learner: Learner, samples: Sequence[Sample], plan: Plan, told: Callable[[Point], None]
) -> Course:
    """Train to the end, or until nothing has changed for long."""
    parameters = list(learner.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.01)
    per_epoch = -(-len(samples) // plan.batch)
    points: list[Point] = []
    steps, best, best_at = 0, math.inf, 0
    energy, began, wall = Energy(), time.process_time(), time.monotonic()
    for epoch in range(1, plan.epochs + 1):
        total = 0.0
        for batch in batches(samples, plan, epoch):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * (1 - steps / (plan.epochs * per_epoch))
            with precision(plan):
                loss = learner.loss(batch)
            cast("Any", loss).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            cast("Any", optimiser).step()
            optimiser.zero_grad(set_to_none=True)
            total += float(loss.detach()) * len(batch)
            steps += 1
        point = Point(epoch, total / len(samples), time.process_time() - began, energy.joules())
        points.append(point)
        told(point)
        if not math.isfinite(point.loss):
            break
        if point.loss < best - PROGRESS * points[0].loss:
            best, best_at = point.loss, epoch
        if epoch - best_at >= PATIENCE:
            break
    return Course(tuple(points), steps, peak_mb(), time.monotonic() - wall)


def batches(samples: Sequence[Sample], plan: Plan, epoch: int) -> list[list[Sample]]:
    """One epoch's batches, each of utterances of like length, in a seeded order."""
    rng = random.Random(f"{plan.seed}/{epoch}")  # noqa: S311 - reproducible, not secret
    order = sorted(samples, key=lambda each: each.pair.frames * rng.uniform(0.9, 1.1))
    found = [order[start : start + plan.batch] for start in range(0, len(order), plan.batch)]
    rng.shuffle(found)
    return found


def precision(plan: Plan) -> AbstractContextManager[object]:
    """bfloat16 arithmetic where it is wished for and native."""
    # oneDNN's own answer; torch has no public name for it
    native = bool(cast("Any", torch).ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return torch.autocast("cpu", torch.bfloat16) if plan.bf16 and native else nullcontext()


class Energy:
    """Joules since the beginning, where the machine counts them.

    RAPL counters of each processor package, other cells included, and the INA3221 of a Jetson
    (power, summed over time).
    """

    RAPL = Path("/sys/class/powercap")
    INA = Path("/sys/bus/i2c/drivers/ina3221")

    def __init__(self, rapl: Path = RAPL, ina: Path = INA) -> None:
        self._counters = [
            (path, _number(path.with_name("max_energy_range_uj")) or 0)
            for path in sorted(rapl.glob("intel-rapl:?/energy_uj"))
            if _number(path) is not None and "psys" not in _text(path.with_name("name"))
        ]
        self._last = [_number(path) or 0 for path, _ in self._counters]
        # the first rail is the whole board's
        self._volts = next(iter(sorted(ina.glob("*/hwmon/hwmon*/in1_input"))), None)
        self._at = time.monotonic()
        self._joules = 0.0

    def joules(self) -> float | None:
        """How many so far; none where nothing counts."""
        if not self._counters and self._volts is None:
            return None
        for at, (path, highest) in enumerate(self._counters):
            now = _number(path) or 0
            gone = now - self._last[at]
            self._joules += (gone if gone >= 0 else gone + highest) / 1e6
            self._last[at] = now
        if self._volts is not None:
            now_s = time.monotonic()
            millivolts = _number(self._volts) or 0
            milliamperes = _number(self._volts.with_name("curr1_input")) or 0
            self._joules += millivolts * milliamperes / 1e6 * (now_s - self._at)
            self._at = now_s
        return self._joules


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
