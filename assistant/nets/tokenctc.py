"""A CTC output over the LLM's own tokens, on BridgeFormer's body.

The paper's slots are pooled uniformly over time while its targets are left-aligned, so a slot
cannot know its position, and under uncertainty squared error lands between tokens. Here every frame
says which token ends there, if any, and each emitted token becomes the posterior-weighted mixture
of real embedding rows. The length follows from the speech, and the prompt stays close to rows that
the LLM knows. Training still needs only the LLM's vocabulary and rows.
"""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor, nn

from assistant.nets.bridgeformer import EncoderLayer, mlp

BLANK = 0
"""Output 0 is CTC's blank; output i + 1 is candidate token i."""


class TokenCTC(nn.Module):
    """Speech features to logits over candidate tokens and blank, frame by frame."""

    def __init__(
        self, encoder_dim: int, candidates: int, hidden: int = 256, heads: int = 4, layers: int = 4
    ) -> None:
        super().__init__()
        if candidates <= 0:
            raise ValueError("A ctc projector needs candidate tokens.")
        self.input = mlp(encoder_dim, hidden, hidden)
        # CTC depends on order, which a depthwise convolution over neighbours conveys.
        self.positions = nn.Conv1d(hidden, hidden, 9, padding=4, groups=hidden)
        self.layers = nn.ModuleList(EncoderLayer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.output = nn.Linear(hidden, candidates + 1)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map (batch, n_frames, encoder_dim) to logits (batch, n_frames, candidates + 1)."""
        mask = None
        x = self.input(frames)
        if lengths is not None and bool((lengths < frames.shape[1]).any()):
            mask = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
            x = x * mask[..., None]  # the convolution must not see padding
        x = x + self.positions(x.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, mask)
        logits: Tensor = self.output(self.norm(x))
        return logits


def emissions(logits: Tensor, keep: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Greedy CTC decoding with alternatives.

    A run of frames with the same best output is one emission, with the posteriors of the run's most
    certain frame.

    Args:
        logits: (n_frames, candidates + 1), one utterance without padding.
        keep: most alternatives per emission.

    Returns:
        Candidate indexes (n_tokens, keep), best first; their weights (n_tokens, keep), which sum to
        one without the blank; and the certainty of each best one (n_tokens,).
    """
    posteriors = logits.softmax(-1)
    best = [int(output) for output in posteriors.argmax(-1)]
    keep = min(keep, logits.shape[-1] - 1)
    frames: list[int] = []
    for output, run in groupby(range(len(best)), key=best.__getitem__):
        places = list(run)
        if output != BLANK:
            frames.append(places[int(posteriors[places, output].argmax())])
    chosen = posteriors[frames, 1:]
    weights, indexes = chosen.topk(keep, dim=-1)
    return indexes, weights / weights.sum(-1, keepdim=True), weights[:, 0]
