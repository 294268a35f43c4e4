"""A speaker's way of talking as a linear map before the encoder's own CTC head.

A hundred sentences can teach how this speaker's sounds appear in the encoder's features, but not
what words exist. So words remain the business of the encoder's letters, its n-gram and the LLM's
tokenizer, and only a map from features to features is learned: one matrix per frame (fMLLR in the
encoder's feature space) and one weight per feature for each neighbouring frame. Together they start
as the identity, so an untrained bridge reads exactly like the encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEIGHBOURS = 4
"""Frames on either side that contribute to a frame's correction."""


class Letters(nn.Module):
    """Speech features to the logits of the encoder's own symbols, frame by frame."""

    def __init__(self, encoder_dim: int, symbols: int) -> None:
        super().__init__()
        self.affine = nn.Linear(encoder_dim, encoder_dim)
        width = 2 * NEIGHBOURS + 1
        self.neighbours = nn.Conv1d(
            encoder_dim, encoder_dim, width, padding=NEIGHBOURS, groups=encoder_dim, bias=False
        )
        self.head = nn.Linear(encoder_dim, symbols).requires_grad_(requires_grad=False)

    def begin(self, weight: Tensor, bias: Tensor) -> None:
        """Become the identity before a CTC head: weight (symbols, encoder_dim), bias (symbols,)."""
        with torch.no_grad():
            nn.init.eye_(self.affine.weight)
            nn.init.zeros_(self.affine.bias)
            nn.init.zeros_(self.neighbours.weight)
            self.head.weight.copy_(weight)
            self.head.bias.copy_(bias)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, n_frames, encoder_dim) to logits (batch, n_frames, symbols)."""
        if lengths is not None:  # the convolution must not see padding
            mask = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
            frames = frames * mask[..., None]
        beside = self.neighbours(frames.transpose(1, 2)).transpose(1, 2)
        logits: Tensor = self.head(self.affine(frames) + beside)
        return logits
