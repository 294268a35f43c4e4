"""A CTC output over the LLM's own tokens, on BridgeFormer's body.

The paper's slots are pooled uniformly over time while its targets are left-aligned, so nothing
tells a slot where it is, and squared error under uncertainty lands between tokens. Here every
frame says which token it ends, if any; each token so emitted becomes the posterior-weighted
mixture of real embedding rows. Length comes by itself and the prompt stays among rows that the
LLM knows. Training it still needs nothing of the LLM but its vocabulary and its rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assistant.nets.bridgeformer import EncoderLayer, mlp

BLANK = 0
"""Output 0 is CTC's blank; output i + 1 is candidate token i."""


class TokenCTC(nn.Module):
    """Speech features to logits over candidate tokens and blank, frame by frame.

    Args:
        encoder_dim: width of the speech features.
        candidates: number of tokens that can be emitted.
        hidden: model width.
        heads: attention heads.
        layers: encoder layers.
    """

    def __init__(
        self, encoder_dim: int, candidates: int, hidden: int = 256, heads: int = 4, layers: int = 4
    ) -> None:
        super().__init__()
        if candidates <= 0:
            raise ValueError("A ctc projector needs candidate tokens.")
        self.input = mlp(encoder_dim, hidden, hidden)
        # Order matters to CTC: a depthwise convolution tells a frame its neighbours.
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
    """Greedy CTC reading with what each emission might also have been.

    Runs of frames with the same best output are one emission; its posteriors are those of the
    run's most certain frame.

    Args:
        logits: (n_frames, candidates + 1), one utterance without padding.
        keep: most alternatives per emission.

    Returns:
        Candidate indexes (n_tokens, keep), best first; their weights (n_tokens, keep), blank
        left out and summing to one; and the certainty of each best one (n_tokens,).
    """
    posteriors = logits.softmax(-1)
    best = posteriors.argmax(-1)
    keep = min(keep, logits.shape[-1] - 1)
    frames: list[int] = []
    start = 0
    for at in range(1, len(best) + 1):
        if at == len(best) or best[at] != best[start]:
            if best[start] != BLANK:
                run = posteriors[start:at, best[start]]
                frames.append(start + int(run.argmax()))
            start = at
    chosen = posteriors[frames, 1:]
    weights, indexes = chosen.topk(keep, dim=-1)
    return indexes, weights / weights.sum(-1, keepdim=True), weights[:, 0]
