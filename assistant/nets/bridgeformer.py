"""BridgeFormer, the paper's projector (section III-B, eqs. 1-4).

A transformer encoder without positional encoding, then adaptive pooling to a fixed number of
slots. The paper specifies neither the width of the input and output MLPs nor the norm placement;
here both MLPs have one hidden layer of the model's width, and the norm comes first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def mlp(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Two linear layers with a GELU between them."""
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.GELU(), nn.Linear(n_hidden, n_out))


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward, both residual."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.norm_feed_forward = nn.LayerNorm(hidden)
        self.feed_forward = mlp(hidden, 4 * hidden, hidden)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Map (batch, n_frames, hidden) to the same shape; ``mask`` is True at real frames."""
        batch, frames, hidden = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, frames, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=None if mask is None else mask[:, None, None, :]
        )
        x = x + self.out(attended.transpose(1, 2).reshape(batch, frames, hidden))
        return x + self.feed_forward(self.norm_feed_forward(x))


def pool(frames: Tensor, lengths: Tensor, slots: int) -> Tensor:
    """Average each utterance's frames into ``slots`` equal stretches of its own length (eq. 3).

    Maps (batch, n_frames, hidden), with ``lengths`` (batch,) of real frames, to
    (batch, slots, hidden), like ``adaptive_avg_pool1d`` on each utterance without its padding.
    """
    steps = torch.arange(slots, device=frames.device)
    first = steps[None, :] * lengths[:, None] // slots
    last = -(-(steps[None, :] + 1) * lengths[:, None] // slots)
    at = torch.arange(frames.shape[1], device=frames.device)
    inside = (at >= first[..., None]) & (at < last[..., None])
    weights = inside.to(frames.dtype) / (last - first)[..., None].to(frames.dtype)
    return weights @ frames


class BridgeFormer(nn.Module):
    """Speech features to LLM-compatible embeddings.

    Args:
        encoder_dim: D_a in the paper.
        llm_dim: D_l.
        hidden: H.
        heads: M.
        layers: E.
        slots: T, the "casted token size".
    """

    def __init__(
        self,
        encoder_dim: int,
        llm_dim: int,
        hidden: int = 256,
        heads: int = 4,
        layers: int = 4,
        slots: int = 30,
    ) -> None:
        super().__init__()
        self.slots = slots
        self.input = mlp(encoder_dim, hidden, hidden)
        self.layers = nn.ModuleList(EncoderLayer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.output = mlp(hidden, hidden, llm_dim)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map padded features (batch, n_frames, encoder_dim) to (batch, slots, llm_dim), eq. 4.

        ``lengths``, (batch,), has the real frames per utterance; by default all are real.
        """
        mask = None
        if lengths is None:
            lengths = torch.full((frames.shape[0],), frames.shape[1], device=frames.device)
        elif bool((lengths < frames.shape[1]).any()):
            mask = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
        x = self.input(frames)
        for layer in self.layers:
            x = layer(x, mask)
        pooled: Tensor = self.output(pool(self.norm(x), lengths, self.slots))
        return pooled
