"""Training of a bridge on cached features: reproducible, resumable and bounded in memory.

Every step depends only on the seed and its number, so an interrupted training resumes as if nothing
had happened. The trainer does not know where examples come from or what the result is used for.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from assistant import durable
from assistant.allocator import given_back
from assistant.bridge import kinds
from assistant.bridge.batch import Pair, has_bfloat16, seed
from assistant.bridge.kinds.kind import Head
from assistant.config import PersonaliseSettings
from assistant.errors import TrainingError
from assistant.journal.lineage import CurvePoint
from assistant.personalise.data.feature_file import not_written
from assistant.personalise.data.features import erased

SAVE_S = 15.0
"""Seconds between saved states."""

MEASUREMENTS = 20
"""How often the held-out loss is measured in a full training."""

PATIENCE = 6
"""Training stops after this many measurements without a better held-out loss."""

WARM_UP = 10
"""Steps over which the learning rate rises."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The data of a training."""

    train: Sequence[Pair]
    replay: Sequence[Pair]  # common talk, as much per step as of the user's speech
    held_out: Sequence[Pair]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The result of a training."""

    weights: Mapping[str, Tensor]  # those with the lowest held-out loss
    curve: tuple[CurvePoint, ...]

    @property
    def has_learned(self) -> bool:
        """Whether the held-out loss was ever lower than at the start."""
        losses = [point.held_out for point in self.curve if point.held_out is not None]
        return not losses or min(losses) < losses[0]


class Interrupted(Exception):  # noqa: N818 - not an error: the state is saved
    """The training was asked to stop; it can resume from its saved state."""


class Trainer:
    """One training of one bridge.

    Args:
        head: the initial bridge and its loss.
        material: the data.
        settings: rate, batch, steps, seed, memory.
        state: file for the training's state.
        name: identifies all of the above; a saved state with another name is ignored.
    """

    def __init__(
        self,
        head: Head,
        material: Material,
        settings: PersonaliseSettings,
        state: Path,
        name: str,
    ) -> None:
        self._head = head
        self._material = material
        self._settings = settings
        self._state = state
        self._name = name
        self._batch = min(settings.tuned.batch, kinds.of(head.checkpoint.config).batch)
        self._network = kinds.build(head.checkpoint.config)
        self._network.load_state_dict(
            {key: tensor.float() for key, tensor in head.checkpoint.weights.items()}
        )
        self._optimiser = torch.optim.AdamW(
            [each for each in self._network.parameters() if each.requires_grad],
            lr=settings.tuned.rate,
            weight_decay=0.01,
        )
        # of the weights after each step (Polyak and Juditsky 1992), for kinds that take it
        averages = kinds.of(head.checkpoint.config).averages
        self._mean = AveragedModel(self._network) if averages else None
        self._best: dict[str, Tensor] = _copy(self._network)
        self._curve: list[CurvePoint] = []
        self._step = 0
        self._seconds = 0.0  # of work, including earlier runs
        self._used = 0  # peak memory of the last step in bytes

    @given_back()  # every step allocates blocks of other sizes
    def run(
        self,
        on_step: Callable[[CurvePoint, float], None],
        stop: threading.Event,
        minutes: float,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Trained:
        """Train to the end.

        Args:
            on_step: called after each step with the point on the curve and the seconds left.
            stop: asks for the state to be saved and the training to stop.
            minutes: time limit, including earlier runs of the same training.
            wanted: called before the state is saved, which happens only if it returns true.

        Raises:
            Interrupted: if ``stop`` was set.
            TrainingError: if the loss becomes NaN or infinite, memory is insufficient, or the
                training is no longer wanted.
        """
        torch.set_num_threads(self._settings.threads)
        self._resume()
        began, saved = time.monotonic() - self._seconds, time.monotonic()
        if not self._curve:
            self._measure(math.nan)
        every = max(1, self._settings.steps // MEASUREMENTS)
        while self._step < self._settings.steps and not self._settled():
            if stop.is_set():
                self._save(wanted)
                raise Interrupted
            loss = self._advance()
            self._seconds = time.monotonic() - began
            out_of_time = self._seconds > minutes * 60
            last = self._step == self._settings.steps or out_of_time
            self._keep_within_memory()
            if self._step % every == 0 or last:
                self._measure(loss)
            left = self._seconds / self._step * (self._settings.steps - self._step)
            on_step(
                CurvePoint(self._step, self._seconds, loss, self._curve[-1].held_out),
                max(0.0, min(left, minutes * 60 - self._seconds)),
            )
            if last:
                break
            if time.monotonic() - saved > SAVE_S:
                self._save(wanted)
                saved = time.monotonic()
        self._save(wanted)  # so that judging can be interrupted, too
        return Trained(self._best, tuple(self._curve))

    def _advance(self) -> float:
        """Take one step and return its loss."""
        settings, step = self._settings, self._step
        seed(settings.tuned.seed * 1_000_003 + step)
        rate = min(1.0, (step + 1) / WARM_UP) * (1 - step / settings.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = settings.tuned.rate * rate
        self._network.train()
        total = 0.0
        parts = [part for part in (self._material.train, self._material.replay) if part]
        for part in parts:
            pairs = chosen(part, self._batch, settings.tuned.seed, step)
            batch = self._head.batch(pairs, training=True)
            with _precision(self._head):
                loss = self._head.loss(self._network, batch) / len(parts)
            self._used = max(self._used, psutil.Process().memory_info().rss)
            cast("Any", loss).backward()
            total += float(loss.detach())
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        cast("Any", self._optimiser).step()
        self._optimiser.zero_grad(set_to_none=True)
        self._step += 1
        if self._mean is not None:
            self._mean.update_parameters(self._network)
        if not math.isfinite(total):
            raise TrainingError(
                f"The loss is not a number after {self._step} steps of training. Look for damaged "
                "recordings in 'assistant log list'."
            )
        return total

    def _measure(self, loss: float) -> None:
        """Add a point to the curve, and keep the weights if they are the best so far."""
        network = self._network if self._mean is None else self._mean.module
        held_out = self._held_out_loss(network)
        best = min((p.held_out for p in self._curve if p.held_out is not None), default=math.inf)
        if held_out is None or held_out <= best:
            self._best = _copy(network)
        self._curve.append(CurvePoint(self._step, self._seconds, loss, held_out))

    @torch.inference_mode()
    def _held_out_loss(self, network: nn.Module) -> float | None:
        pairs = sorted(self._material.held_out, key=lambda pair: pair.frames)
        if not pairs:
            return None
        network.eval()
        total = 0.0
        for start in range(0, len(pairs), self._batch):
            part = pairs[start : start + self._batch]
            with _precision(self._head):
                batch = self._head.batch(part, training=False)
                total += float(self._head.loss(network, batch)) * len(part)
        return total / len(pairs)

    def _settled(self) -> bool:
        """Whether the held-out loss has stopped falling."""
        losses = [point.held_out for point in self._curve if point.held_out is not None]
        return len(losses) > PATIENCE and min(losses[-PATIENCE:]) > min(losses)

    def _keep_within_memory(self) -> None:
        used, self._used = self._used / 2**20, 0
        if used <= self._settings.memory_mb:
            return
        if self._batch == 1:
            raise TrainingError(
                f"The training needs {used:.0f} MB but may use only {self._settings.memory_mb} MB. "
                "Raise personalise.memory_mb, or lower personalise.replay."
            )
        self._batch = max(1, self._batch // 2)

    def _save(self, wanted: Callable[[], bool]) -> None:
        """Save everything that the next step depends on, atomically and durably."""
        if not wanted():
            raise erased()
        tensors = {f"now/{name}": tensor for name, tensor in _copy(self._network).items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self._best.items()}
        if self._mean is not None:
            tensors |= {f"mean/{name}": tensor for name, tensor in _copy(self._mean).items()}
        for number, values in self._optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{number}/{name}": value for name, value in values.items()}
        header = {
            "name": self._name,
            "step": str(self._step),
            "seconds": str(self._seconds),
            "batch": str(self._batch),
            "curve": json.dumps([asdict(point) for point in self._curve]),
        }
        try:
            durable.folder(self._state.parent)
            durable.write(self._state, save(tensors, metadata=header))
        except OSError as error:
            raise not_written(self._state, error) from None

    def _resume(self) -> None:
        """Resume from a complete saved state of the same training, if there is one."""
        try:
            with cast("Any", safe_open)(self._state, framework="pt") as file:
                header: dict[str, str] = file.metadata() or {}
                if header.get("name") != self._name:
                    return
                tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            curve = [CurvePoint(**point) for point in json.loads(header["curve"])]
            parts: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}, "mean": {}, "adam": {}}
            for key, tensor in tensors.items():
                part, _, name = key.partition("/")
                parts[part][name] = tensor
            adam: dict[int, dict[str, Tensor]] = {}
            for key, tensor in parts["adam"].items():
                number, _, name = key.partition("/")
                adam.setdefault(int(number), {})[name] = tensor
            if self._mean is not None:
                self._mean.load_state_dict(parts["mean"])
            self._network.load_state_dict(parts["now"])
            groups = self._optimiser.state_dict()["param_groups"]
            self._optimiser.load_state_dict({"state": adam, "param_groups": groups})
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError):
            return  # missing or damaged: start from the beginning
        self._best = parts["best"]
        self._curve = curve
        self._step, self._batch = int(header["step"]), int(header["batch"])
        self._seconds = float(header["seconds"])


def chosen(pairs: Sequence[Pair], size: int, number: int, step: int) -> list[Pair]:
    """The pairs of one step, from 0: at most ``size``, of similar length, each once per round.

    ``number`` is the seed of the order.
    """
    batches = -(-len(pairs) // size)
    turn, place = divmod(step, batches)
    rng = random.Random(f"{number}/{turn}")  # noqa: S311 - reproducible, not secret
    # slightly randomised lengths, so that batches vary
    order = sorted(pairs, key=lambda pair: pair.frames * rng.uniform(0.9, 1.1))
    places = list(range(batches))
    rng.shuffle(places)
    start = places[place] * size
    return order[start : start + size]


def _precision(head: Head) -> AbstractContextManager[object]:
    """bfloat16 if the processor supports it natively and the network is large enough."""
    config = head.checkpoint.config
    if kinds.of(config).takes_bfloat16(config.kind) and has_bfloat16():
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
