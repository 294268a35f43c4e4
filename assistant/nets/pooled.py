"""A projector without a transformer, for comparison with BridgeFormer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assistant.nets.bridgeformer import pool


class Pooled(nn.Module):
    """Pool to slots, then map each slot."""

    def __init__(self, body: nn.Module, slots: int) -> None:
        super().__init__()
        self.body = body
        self.slots = slots

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, n_frames, encoder_dim) to (batch, slots, llm_dim)."""
        if lengths is None:
            lengths = torch.full((frames.shape[0],), frames.shape[1], device=frames.device)
        mapped: Tensor = self.body(pool(frames, lengths, self.slots))
        return mapped
