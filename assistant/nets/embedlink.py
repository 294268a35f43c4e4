"""EmbedLink: targets and loss in the LLM's embedding space (section III-C, eqs. 5-7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def cast(tokens: Sequence[int], slots: int, pad: int) -> list[int]:
    """Truncate or pad token ids to the casted token size T."""
    return [*tokens[:slots], *[pad] * (slots - len(tokens))]


def targets(
    texts: Sequence[Sequence[int]], rows: NDArray[np.float32], slots: int, pad: int
) -> Tensor:
    """Embeddings of the cast token sequences (eq. 5), shape (batch, slots, llm_dim).

    Args:
        texts: token ids per utterance.
        rows: the LLM's embedding table, (n_vocab, llm_dim).
    """
    ids = np.array([cast(tokens, slots, pad) for tokens in texts])
    return torch.as_tensor(rows[ids])


def loss(audio: Tensor, text: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """Squared error and cosine distance, averaged over slots (eq. 7).

    Args:
        audio: BridgeFormer's output, (batch, slots, llm_dim).
        text: targets of the same shape.
    """
    cosine = functional.cosine_similarity(audio, text, dim=-1)
    return alpha * functional.mse_loss(audio, text) + beta * (1 - cosine).mean()
