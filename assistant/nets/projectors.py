"""Every projector behind one interface.

``linear`` is one matrix (arXiv 2406.13357); ``mlp`` is the two-layer projector of the paper's
Proj_only row. Both pool to as many slots as BridgeFormer does. ``ctc``, ``letters`` and
``anchored`` read tokens instead of filling slots.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from assistant.nets.anchored import Anchored
from assistant.nets.bridgeformer import BridgeFormer, mlp, pool
from assistant.nets.letters import Letters
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.tokenctc import TokenCTC


class Projector(Protocol):
    """Speech features to rows in the LLM's embedding space."""

    def __call__(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, n_frames, encoder_dim) to (batch, slots, llm_dim)."""
        ...


class Pooled(nn.Module):
    """A projector without a transformer: pool to slots, then map each slot."""

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


def build(config: ProjectorConfig) -> nn.Module:
    """A freshly initialised projector.

    Raises:
        ValueError: if heads do not divide the hidden width, a width is missing, or ``ctc`` has no
            candidates.
    """
    if config.kind != "letters" and not config.llm_dim:
        raise ValueError(f"A {config.kind} projector needs the width of the LLM's embeddings.")
    if config.hidden % config.heads:
        raise ValueError(f"{config.heads} heads do not divide a width of {config.hidden}.")
    match config.kind:
        case "bridgeformer":
            return BridgeFormer(
                config.encoder_dim,
                config.llm_dim,
                config.hidden,
                config.heads,
                config.layers,
                config.slots,
            )
        case "linear":
            return Pooled(nn.Linear(config.encoder_dim, config.llm_dim), config.slots)
        case "mlp":
            return Pooled(mlp(config.encoder_dim, config.hidden, config.llm_dim), config.slots)
        case "ctc":
            return TokenCTC(
                config.encoder_dim,
                config.candidates,
                config.hidden,
                config.heads,
                config.layers,
            )
        case "letters":
            return Letters(config.encoder_dim, config.candidates)
        case "anchored":
            return Anchored(
                config.encoder_dim, config.llm_dim, config.hidden, config.heads, config.layers
            )
