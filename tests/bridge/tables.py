"""An embedding table and checkpoints over it, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds import build
from assistant.nets.projector_config import ProjectorConfig
from assistant.values import SpeechFeatures, Transcript

ENCODER, TABLE = "encoder-1", "table-1"
ENCODER_DIM, LLM_DIM, SLOTS = 6, 4, 3
PAD = 0
WORDS = ["", " one", " two", " three", " four"]
"""What each token stands for; the first one is padding."""


class Table:
    """Rows of length 2 along four axes and one against the first."""

    def __init__(self, fingerprint: str = TABLE) -> None:
        self._rows = 2 * np.vstack([-np.eye(1, LLM_DIM), np.eye(LLM_DIM)]).astype(np.float32)
        self.fingerprint = fingerprint

    @property
    def embedding_fingerprint(self) -> str:
        return self.fingerprint

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows[np.asarray(token_ids, np.int64)]

    def tokens(self, text: str) -> list[int]:
        return [WORDS.index(f" {word}") for word in text.split()]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(WORDS[token] for token in tokens)


def config(**changes: Any) -> ProjectorConfig:
    sizes = {
        "kind": "bridgeformer",
        "encoder_dim": ENCODER_DIM,
        "llm_dim": LLM_DIM,
        "hidden": 8,
        "heads": 2,
        "layers": 1,
        "slots": SLOTS,
    }
    return ProjectorConfig.model_validate(sizes | changes)


def checkpoint(
    sizes: ProjectorConfig | None = None, *, seed: int = 0, **changes: Any
) -> Checkpoint:
    """A projector with random weights, or with those that are given."""
    sizes = sizes or config()
    torch.manual_seed(seed)
    fields: dict[str, Any] = {
        "config": sizes,
        "encoder": ENCODER,
        "table": TABLE,
        "token_ids": np.arange(len(WORDS)),
        "pad": None if sizes.kind == "ctc" else PAD,
        "weights": build(sizes).state_dict(),
    }
    return Checkpoint(**fields | changes)


def copying() -> Checkpoint:
    """A linear bridge whose slots are the first four numbers of its frames."""
    weights: dict[str, Tensor] = {
        "body.weight": torch.eye(LLM_DIM, ENCODER_DIM),
        "body.bias": torch.zeros(LLM_DIM),
    }
    return checkpoint(config(kind="linear"), weights=weights)


def features(frames: NDArray[np.float32], encoder: str = ENCODER) -> SpeechFeatures:
    return SpeechFeatures(frames, 50.0, Transcript("", 0.0), encoder)
