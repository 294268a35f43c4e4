"""Whisper with low-rank changes of its matrices, for training them.

Its own weights are frozen. Every matrix W of its layers becomes W + SCALE * up @ down, where ``up``
and ``down`` have few rows and columns (LoRA, arXiv 2106.09685). Names are those of CTranslate2's
files, so that what was learned can be merged into them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils import checkpoint

SCALE = 1.0
"""Factor of all changes, with which the learning rate of the other kinds suits these, too."""

HEAD = 64
"""Width of an attention head, in every Whisper."""

_WIDER = 4
"""Width of the feed-forward networks in widths of a frame, in every Whisper."""


class _Change(nn.Module):
    """The change of one matrix; none at first."""

    def __init__(self, outputs: int, inputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, given: Tensor) -> Tensor:
        """What is added to the matrix's output: (..., inputs) to (..., outputs)."""
        return SCALE * functional.linear(functional.linear(given, self.down), self.up)


class LowRank(nn.Module):
    """Changes of all matrices in the layers of a Whisper model.

    Args:
        dim: width of a frame.
        rank: of every change.
        encoder: number of the encoder's layers.
        decoder: number of the decoder's layers.
    """

    def __init__(self, dim: int, rank: int, encoder: int, decoder: int) -> None:
        super().__init__()
        self.changes = nn.ModuleDict(
            {
                name: _Change(outputs * dim, inputs * dim, rank)
                for name, outputs, inputs in _matrices(encoder, decoder)
            }
        )

    def forward(self, name: str, given: Tensor) -> Tensor:
        """What is added to the output of the matrix of this name."""
        return self.changes[name](given)

    def factors(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """What is added to each matrix, by its name in CTranslate2's file, as two factors."""
        found = ((name, cast("_Change", change)) for name, change in self.changes.items())
        return {
            f"{name}/weight": (
                (SCALE * change.up.detach()).numpy(),
                change.down.detach().numpy(),
            )
            for name, change in found
        }


class Whisper:
    """A frozen Whisper model through which gradients reach its low-rank changes.

    Args:
        weights: all of them, by their names in CTranslate2's file.
        dtype: in which the matrices are kept; bfloat16 takes half the memory, under autocast.
    """

    def __init__(
        self, weights: Mapping[str, NDArray[np.float32]], dtype: torch.dtype = torch.float32
    ) -> None:
        self._weights = {
            name: torch.as_tensor(array).to(
                dtype if array.ndim == 2 and name.endswith("/weight") else torch.float32
            )
            for name, array in weights.items()
        }
        self._encoder_layers, self._decoder_layers = layers(weights)

    def logits(self, columns: Tensor, tokens: Tensor, wanted: Tensor, low_rank: LowRank) -> Tensor:
        """The decoder's next tokens after each of some tokens.

        Args:
            columns: log-mel spectrograms, (batch, n_mels, n_columns).
            tokens: read so far, (batch, n_tokens).
            wanted: where the next token is asked for, bool (batch, n_tokens).
            low_rank: what is added to the matrices.

        Returns:
            Logits, (n_wanted, n_vocabulary).
        """
        frames = self._encoded(columns, low_rank)
        read = self._decoded(tokens, frames, low_rank)[wanted]
        return functional.linear(read, self._weights["decoder/embeddings/weight"])

    def _encoded(self, columns: Tensor, low_rank: LowRank) -> Tensor:
        """Spectrograms to frames (batch, n_columns / 2, dim)."""
        x = columns
        for name, stride in (("conv1", 1), ("conv2", 2)):
            weight, bias = (self._weights[f"encoder/{name}/{part}"] for part in ("weight", "bias"))
            x = functional.gelu(functional.conv1d(x, weight, bias, stride=stride, padding=1))
        x = x.transpose(1, 2)
        x = x + self._weights["encoder/position_encodings/encodings"][: x.shape[1]]
        for number in range(self._encoder_layers):
            layer = f"encoder/layer_{number}"
            # computed again for the gradients: what they need of all layers would take 500 MB
            x = cast("Any", checkpoint).checkpoint(
                self._encoder_layer, x, layer, low_rank, use_reentrant=False
            )
        return self._normalised(x, "encoder")

    def _encoder_layer(self, x: Tensor, layer: str, low_rank: LowRank) -> Tensor:
        x = x + self._attending_itself(x, layer, low_rank, causal=False)
        return x + self._fed_forward(x, layer, low_rank)

    def _decoded(self, tokens: Tensor, frames: Tensor, low_rank: LowRank) -> Tensor:
        """The last layer's output for each token, (batch, n_tokens, dim)."""
        places = self._weights["decoder/position_encodings/encodings"][: tokens.shape[1]]
        x = self._weights["decoder/embeddings/weight"][tokens].float() + places
        for number in range(self._decoder_layers):
            layer = f"decoder/layer_{number}"
            x = x + self._attending_itself(x, layer, low_rank, causal=True)
            across = f"{layer}/attention"
            queries = self._linear(self._normalised(x, across), f"{across}/linear_0", low_rank)
            keys, values = self._linear(frames, f"{across}/linear_1", low_rank).chunk(2, -1)
            found = _attention(queries, keys, values, causal=False)
            x = x + self._linear(found, f"{across}/linear_2", low_rank)
            x = x + self._fed_forward(x, layer, low_rank)
        return self._normalised(x, "decoder")

    def _attending_itself(
        self, x: Tensor, layer: str, low_rank: LowRank, *, causal: bool
    ) -> Tensor:
        name = f"{layer}/self_attention"
        given = self._linear(self._normalised(x, name), f"{name}/linear_0", low_rank)
        queries, keys, values = given.chunk(3, -1)
        found = _attention(queries, keys, values, causal=causal)
        return self._linear(found, f"{name}/linear_1", low_rank)

    def _fed_forward(self, x: Tensor, layer: str, low_rank: LowRank) -> Tensor:
        name = f"{layer}/ffn"
        inner = self._linear(self._normalised(x, name), f"{name}/linear_0", low_rank)
        return self._linear(functional.gelu(inner), f"{name}/linear_1", low_rank)

    def _linear(self, x: Tensor, name: str, low_rank: LowRank) -> Tensor:
        weight, bias = self._weights[f"{name}/weight"], self._weights[f"{name}/bias"]
        return functional.linear(x, weight, bias) + low_rank(name, x)

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        gamma, beta = (self._weights[f"{name}/layer_norm/{part}"] for part in ("gamma", "beta"))
        return functional.layer_norm(x, x.shape[-1:], gamma, beta)


def layers(names: Iterable[str]) -> tuple[int, int]:
    """The number of the encoder's and of the decoder's layers in a file with these weights."""
    found = {tuple(name.split("/")[:2]) for name in names if re.match(r"\w+/layer_\d+/", name)}
    encoder = sum(part == "encoder" for part, _ in found)
    return encoder, len(found) - encoder


def _attention(queries: Tensor, keys: Tensor, values: Tensor, *, causal: bool) -> Tensor:
    """Attention with heads of ``HEAD``, (batch, n, dim)."""
    found = functional.scaled_dot_product_attention(
        _heads(queries), _heads(keys), _heads(values), is_causal=causal
    )
    return found.transpose(1, 2).flatten(2)


def _heads(whole: Tensor) -> Tensor:
    """(batch, n, dim) to (batch, n_heads, n, HEAD)."""
    batch, length, dim = whole.shape
    return whole.reshape(batch, length, dim // HEAD, HEAD).transpose(1, 2)


def _matrices(encoder: int, decoder: int) -> Iterator[tuple[str, int, int]]:
    """Names of all matrices in the layers, with their outputs and inputs in widths of a frame."""
    for part, count in (("encoder", encoder), ("decoder", decoder)):
        for number in range(count):
            layer = f"{part}/layer_{number}"
            yield f"{layer}/self_attention/linear_0", 3, 1  # queries, keys and values
            yield f"{layer}/self_attention/linear_1", 1, 1
            if part == "decoder":
                yield f"{layer}/attention/linear_0", 1, 1  # queries
                yield f"{layer}/attention/linear_1", 2, 1  # keys and values
                yield f"{layer}/attention/linear_2", 1, 1
            yield f"{layer}/ffn/linear_0", _WIDER, 1
            yield f"{layer}/ffn/linear_1", 1, _WIDER
