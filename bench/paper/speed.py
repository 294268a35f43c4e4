"""How fast a training is, against a plain reading of the paper's loop.

The plain loop takes one utterance after the other, filled up to the longest one, encodes it anew
in every epoch, and looks its target rows up each time. Then, one after the other: features are
computed once, utterances of like length go together, targets are looked up once. All start from
the same weights and are measured by the same held-out loss; the measuring is not counted.

The starter's encoder is small, so computing its features once saves less than it does with the
paper's. What encoding takes is therefore measured for an encoder of wav2vec2-base's sizes, too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.bridge.batch import Batch, seed
from assistant.nets import embedlink
from bench.paper import corpora, cost, training
from bench.paper.cells import Cell, Place, opened
from bench.paper.corpora import Sample
from bench.paper.grid import BATCH, ENCODING
from bench.paper.methods import SLOTS, EmbedLinked, Room
from bench.paper.training import Plan, Point

EPOCHS = 60
"""Enough for every loop to reach the lowest held-out loss that it comes to."""

PATIENCE = 12
"""Epochs without a lower held-out loss after which the rest is overfitting."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What is not done again and again."""

    features: bool
    batches: bool
    targets: bool


LOOPS = {
    "plain": Loop(features=False, batches=False, targets=False),
    "cached features": Loop(features=True, batches=False, targets=False),
    "in batches": Loop(features=True, batches=True, targets=False),
    "cached targets": Loop(features=True, batches=True, targets=True),
}


class Timed:
    """EmbedLink on BridgeFormer, more or less wastefully."""

    def __init__(self, method: EmbedLinked, room: Room, loop: Loop, longest: int) -> None:
        self._method = method
        self._room = room
        self._loop = loop
        self._longest = longest  # frames
        self._targets: dict[str, Tensor] = {}
        self.parameters: Callable[[], Sequence[nn.Parameter]] = method.parameters

    def loss(self, samples: Sequence[Sample]) -> Tensor:
        """Eq. 7."""
        batch = Batch.of([each.pair for each in samples])
        if not self._loop.batches:
            frames = batch.frames if self._loop.features else self._encoded(samples[0])
            filled = torch.zeros(1, self._longest, frames.shape[2])
            filled[:, : frames.shape[1]] = frames
            batch = Batch(batch.pairs, filled, batch.lengths, batch.weights)
        slots = self._method.head.slots(self._method.network, batch)
        return embedlink.loss(slots, self._wanted(batch))

    def held_out_loss(self, samples: Sequence[Sample]) -> float:
        """Eq. 7 on utterances that are not trained on."""
        with torch.inference_mode():
            return float(self._method.loss(samples))

    def _encoded(self, sample: Sample) -> Tensor:
        encoder = self._room.encoder
        return _frames(encoder.body, encoder.normalise(sample.utterance.samples))

    def _wanted(self, batch: Batch) -> Tensor:
        if not self._loop.targets:
            return self._method.head.targets(batch)[0]
        for pair in batch.pairs:
            if pair.text not in self._targets:
                self._targets[pair.text] = self._method.head.targets(Batch.of([pair]))[0][0]
        return torch.stack([self._targets[pair.text] for pair in batch.pairs])


def measure(cell: Cell, place: Place, told: Callable[[Point], None]) -> dict[str, Any]:
    """The held-out loss over the processor time of one loop, or the time that encoding takes."""
    torch.set_num_threads(1)
    corpus = corpora.load(place.out / "corpora" / f"{cell.corpus}.safetensors", place.size)
    with opened(place) as (_, room):
        if cell.value == ENCODING:
            return {"encoding": encoding(corpus.train, room, place)}
        loop = LOOPS[cell.value]
        seed(cell.seed)
        method = EmbedLinked(room, corpus, "bridgeformer", cell.seed, SLOTS)
        longest = max(each.pair.frames for each in (*corpus.train, *corpus.unseen))
        timed = Timed(method, room, loop, longest)
        spent = 0.0
        held_out: list[Point] = []

        def tell(point: Point) -> None:
            nonlocal spent
            began = time.process_time()
            loss = timed.held_out_loss(corpus.unseen)
            held_out.append(Point(point.epoch, loss, point.seconds - spent))
            told(held_out[-1])
            spent += time.process_time() - began
            best = min(held_out, key=lambda each: each.loss)
            if point.epoch - best.epoch >= PATIENCE:
                raise _SettledError

        plan = Plan(
            epochs=min(EPOCHS, place.epochs), batch=BATCH if loop.batches else 1, seed=cell.seed
        )
        with contextlib.suppress(_SettledError):
            training.train(timed, corpus.train, plan, tell)
    return {"held_out": [asdict(point) for point in held_out]}


def encoding(samples: Sequence[Sample], room: Room, place: Place) -> dict[str, float]:
    """Processor seconds of encoding all utterances once, by the sizes of the encoder."""
    waves = [room.encoder.normalise(each.utterance.samples) for each in samples]
    full = cost.encoder(cost.FULL if place.steps is None else cost.TINY)
    found: dict[str, float] = {}
    for name, body in (("own", room.encoder.body), ("wav2vec2-base", full)):
        with training.precision(Plan()):
            _frames(body, waves[0])  # the first one allocates
            began = time.process_time()
            for wave in waves:
                _frames(body, wave)
            found[name] = time.process_time() - began
    return found


def _frames(body: Any, wave: NDArray[np.float32]) -> Tensor:
    """Features (1, n_frames, dim) of a normalised wave (n_samples,)."""
    with torch.inference_mode():
        return body(torch.as_tensor(wave)[None]).last_hidden_state.clone()


class _SettledError(Exception):
    """The held-out loss has stopped falling."""
