"""Utterances with their words, for training bridges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.values import SpeechFeatures

MASKS = 2
"""Number of frame ranges masked in each training utterance."""

_SILENT = np.empty(0, np.float32)


class Pair(Protocol):
    """One utterance's features and the words said in it."""

    @property
    def features(self) -> SpeechFeatures:
        """The frozen encoder's output; may be read from the disk each time."""
        ...

    @property
    def samples(self) -> NDArray[np.float32]:
        """The sound, mono 16 kHz (n_samples,); may be read from the disk each time."""
        ...

    @property
    def text(self) -> str:
        """The words."""
        ...

    @property
    def weight(self) -> float:
        """Weight in training, from 0 to 1."""
        ...

    @property
    def frames(self) -> int:
        """Length in frames."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPair:
    """A pair in memory."""

    features: SpeechFeatures
    text: str
    weight: float = 1.0
    samples: NDArray[np.float32] = field(default_factory=_SILENT.copy)

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.features.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pairs of similar length, padded at the end."""

    pairs: Sequence[Pair]
    frames: Tensor  # float32 (batch, n_frames, encoder_dim), or what a kind learns from instead
    lengths: Tensor  # int64 (batch,)
    weights: Tensor  # float32 (batch,)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Batch:
        """Stack the pairs' frames."""
        lengths = torch.tensor([pair.frames for pair in pairs])
        each = [torch.tensor(pair.features.frames) for pair in pairs]
        frames = nn.utils.rnn.pad_sequence(each, batch_first=True)
        return cls(pairs, frames, lengths, torch.tensor([pair.weight for pair in pairs]))


def masked(batch: Batch) -> Batch:
    """The batch with a few frame ranges of each utterance masked."""
    frames = batch.frames.clone()
    for row, length in enumerate(map(int, batch.lengths)):
        for _ in range(MASKS):
            width = int(torch.randint(0, max(1, length // 12) + 1, ()))
            start = int(torch.randint(0, max(1, length - width), ()))
            frames[row, start : start + width] = 0
    return Batch(batch.pairs, frames, batch.lengths, batch.weights)


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 natively."""
    # oneDNN's own answer; torch has no public name for it
    return bool(cast("Any", torch).ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def seed(number: int) -> None:
    """Make torch's random numbers reproducible from here on."""
    cast("Any", torch).manual_seed(number)
