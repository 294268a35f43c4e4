"""The convolutions of wav2vec2 and similar models, in pieces that give the same frames as one pass.

In one pass, memory grows with the length of the speech, by 13 MB a second for base-960h.
Convolutions see no more than their receptive field, so pieces that overlap by it lose nothing. Only
the base models normalise each channel of the first layer to zero mean and unit variance over the
whole recording: mean and variance are computed first, from all pieces.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

PIECE = 1 << 20
"""Most numbers in the first layer's output at once: 4 MB, or 0.6 s for base-960h."""


class FrontEnd:
    """From samples to the transformer's input, always in float.

    Args:
        extractor: the feature extractor of a model, which may get its weights later.
        config: the model's configuration.
        piece: most numbers in the first layer's output at once.
    """

    def __init__(self, extractor: Any, config: Any, piece: int = PIECE) -> None:
        self._layers: Any = extractor.conv_layers
        self._kernel, self._stride = int(config.conv_kernel[0]), int(config.conv_stride[0])
        self.hop = math.prod(map(int, config.conv_stride))  # samples from frame to frame
        self.field = _receptive_field(config)  # samples that a frame depends on
        self._piece = max(1, piece // (int(config.conv_dim[0]) * self.hop // self._stride))

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (n_samples,), at least ``field`` of them, to (n_frames, conv_dim)."""
        wave = torch.as_tensor(samples)
        n_frames = (len(samples) - self.field) // self.hop + 1
        with torch.inference_mode():
            if n_frames <= self._piece:
                return _rows(_through(self._layers, wave))
            first, *others = self._layers
            norm = getattr(first, "layer_norm", None)
            scale = self._scale(first.conv, norm, wave) if isinstance(norm, nn.GroupNorm) else None
            parts: list[NDArray[np.float32]] = []
            for start in range(0, n_frames, self._piece):
                last = min(start + self._piece, n_frames) - 1
                piece = wave[start * self.hop : last * self.hop + self.field]
                if scale is None:
                    parts.append(_rows(_through(self._layers, piece)))
                else:
                    hidden = first.conv(piece[None, None]).mul_(scale[0]).add_(scale[1])
                    parts.append(_rows(_through(others, first.activation(hidden))))
        return np.concatenate(parts)

    def _scale(self, conv: Any, norm: nn.GroupNorm, wave: Tensor) -> tuple[Tensor, Tensor]:
        """The norm's factor and offset for each channel, both (n_channels, 1)."""
        total = torch.zeros(norm.num_channels, dtype=torch.float64)
        squares = torch.zeros(norm.num_channels, dtype=torch.float64)
        n_out = (len(wave) - self._kernel) // self._stride + 1
        at_once = self._piece * self.hop // self._stride
        for start in range(0, n_out, at_once):
            last = min(start + at_once, n_out) - 1
            piece = wave[start * self._stride : last * self._stride + self._kernel]
            hidden: Tensor = conv(piece[None, None])[0]
            total = total + hidden.sum(dim=1)
            squares = squares + hidden.square().sum(dim=1)
        mean = total / n_out
        scale = norm.weight.double() / torch.sqrt(squares / n_out - mean**2 + norm.eps)
        shift = norm.bias.double() - mean * scale
        return scale.float()[:, None], shift.float()[:, None]


def _through(layers: Any, hidden: Tensor) -> Tensor:
    """Samples (n,), or (1, n_channels, n) from an earlier layer, through layers."""
    hidden = hidden if hidden.ndim == 3 else hidden[None, None]
    for layer in layers:
        hidden = layer(hidden)
    return hidden


def _rows(hidden: Tensor) -> NDArray[np.float32]:
    """From (1, n_channels, n_frames) to (n_frames, n_channels)."""
    return np.ascontiguousarray(hidden[0].T.numpy())


def _receptive_field(config: Any) -> int:
    field, step = 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (int(kernel) - 1) * step
        step *= int(stride)
    return field
