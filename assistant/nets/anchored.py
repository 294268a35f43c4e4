"""The encoder's own hypothesis as anchor: one slot per hypothesis token, corrected in place.

A slot sees the frames its token was heard in, the token itself and its neighbours; it keeps,
replaces or drops the token, or adds a second one. Outputs are scored against the LLM's embedding
rows, with a learned gate toward the hypothesis token's own row. Untrained, the gate is wide open,
so the reading equals the transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from assistant.nets.bridgeformer import EncoderLayer

NOTHING = 0
"""Output 0 of a slot means nothing; output i + 1 is candidate token i."""

OPEN = 10.0
"""Logit by which an untrained slot's first emission prefers its own token, the second nothing."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Hypothesis tokens of a batch and where they were heard."""

    tokens: Tensor  # candidate indexes, int64 (batch, slots)
    first: Tensor  # first frame, int64 (batch, slots)
    last: Tensor  # one past the last frame, int64 (batch, slots)
    lengths: Tensor  # slots per utterance, int64 (batch,)


class Anchored(nn.Module):
    """Speech features and a hypothesis to logits of two emissions per slot."""

    def __init__(
        self, encoder_dim: int, llm_dim: int, hidden: int = 256, heads: int = 4, layers: int = 2
    ) -> None:
        super().__init__()
        self.sound = nn.Linear(encoder_dim, hidden)
        self.token = nn.Linear(llm_dim, hidden)
        # A depthwise convolution over neighbouring slots conveys their order.
        self.positions = nn.Conv1d(hidden, hidden, 5, padding=2, groups=hidden)
        self.layers = nn.ModuleList(EncoderLayer(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.output = nn.Linear(hidden, 2 * llm_dim)
        self.gates = nn.Linear(hidden, 4)  # own token and nothing, for both emissions
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        nn.init.zeros_(self.gates.weight)
        with torch.no_grad():
            self.gates.bias.copy_(torch.tensor([OPEN, -OPEN, -OPEN, OPEN]))

    def forward(self, frames: Tensor, anchors: Anchors, rows: Tensor) -> Tensor:
        """Score every candidate for both emissions of every slot.

        Args:
            frames: (batch, n_frames, encoder_dim), padded at the end.
            anchors: the hypotheses.
            rows: the candidates' embedding rows of unit length, (candidates, llm_dim).

        Returns:
            Logits (batch, slots, 2, candidates + 1).
        """
        own = anchors.tokens
        x = self.sound(spans(frames, anchors)) + self.token(rows[own])
        inside = torch.arange(own.shape[1], device=own.device) < anchors.lengths[:, None]
        x = x * inside[..., None]
        x = x + self.positions(x.transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            x = layer(x, inside)
        x = self.norm(x)
        batch, slots = own.shape
        wanted = self.output(x).view(batch, slots, 2, -1)
        gates = self.gates(x).view(batch, slots, 2, 2)
        scores = wanted @ rows.T
        toward = functional.one_hot(own, len(rows)).to(scores.dtype)[:, :, None, :]
        return torch.cat([gates[..., 1:], scores + gates[..., :1] * toward], dim=-1)


def spans(frames: Tensor, anchors: Anchors) -> Tensor:
    """Mean of each slot's frames, (batch, slots, encoder_dim)."""
    at = torch.arange(frames.shape[1], device=frames.device)
    inside = (at >= anchors.first[..., None]) & (at < anchors.last[..., None])
    weights = inside.to(frames.dtype)
    return (weights @ frames) / weights.sum(-1, keepdim=True).clamp(min=1)


def aligned(hypothesis: Sequence[int], text: Sequence[int]) -> list[tuple[int | None, int | None]]:
    """First and second emission (``None``: nothing) per slot to say the text, with fewest edits.

    A text token without a slot becomes the second emission of the slot before it (at the beginning,
    it goes before the first slot's own); further ones in a row are lost.

    Args:
        hypothesis: tokens, one per slot.
        text: tokens that were really said.
    """
    rows, columns = len(hypothesis) + 1, len(text) + 1
    cost = [[i + j if i * j == 0 else 0 for j in range(columns)] for i in range(rows)]
    for i in range(1, rows):
        for j in range(1, columns):
            cost[i][j] = min(
                cost[i - 1][j] + 1,
                cost[i][j - 1] + 1,
                cost[i - 1][j - 1] + (hypothesis[i - 1] != text[j - 1]),
            )
    said: list[list[int]] = [[] for _ in hypothesis]
    pending: list[int] = []  # text tokens without a slot, from right to left
    i, j = rows - 1, columns - 1
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (hypothesis[i - 1] != text[j - 1]):
            i, j = i - 1, j - 1
            said[i] = [text[j], *reversed(pending)]
            pending.clear()
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            said[i] = list(reversed(pending))  # an empty slot can take tokens without one
            pending.clear()
        else:
            j -= 1
            pending.append(text[j])
    if said and pending:
        said[0] = [*reversed(pending), *said[0]]
    padded = ((*tokens, None, None) for tokens in said)
    return [(first, second) for first, second, *_ in padded]
