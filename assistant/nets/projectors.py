"""Every projector behind one interface, and the sizes it is built from.

``linear`` is one matrix (arXiv 2406.13357); ``mlp`` is the two-layer projector of the paper's
Proj_only row. Both pool to as many slots as BridgeFormer does. ``ctc``, ``letters`` and
``anchored`` read tokens instead of filling slots.
"""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from assistant.nets.anchored import Anchored
from assistant.nets.bridgeformer import BridgeFormer, mlp, pool
from assistant.nets.letters import Letters
from assistant.nets.tokenctc import TokenCTC


class ProjectorConfig(BaseModel):
    """Every size of a projector; travels in the checkpoint's header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bridgeformer", "linear", "mlp", "ctc", "letters", "anchored"] = "bridgeformer"
    encoder_dim: int = Field(gt=0)
    llm_dim: int = Field(ge=0, description="0 for letters, which any LLM can read")
    hidden: int = Field(default=256, gt=0)
    heads: int = Field(default=4, gt=0)
    layers: int = Field(default=4, ge=0)
    slots: int = Field(default=30, gt=0, description="casted token size T; for pooled slots")
    temperature: float = Field(
        default=1.0, gt=0, description="what the logits of letters are divided by when read"
    )
    candidates: int = Field(
        default=0, ge=0, description="tokens that ctc and anchored can emit, symbols of letters"
    )


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
