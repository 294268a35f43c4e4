"""What a bridge needs from a language model: its tokens and their embedding rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Language(Protocol):
    """Words as tokens, tokens as rows."""

    @property
    def embedding_fingerprint(self) -> str:
        """Identifies architecture, vocabulary and rows."""
        ...

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows of the embedding table, (n_tokens, llm_dim)."""
        ...

    def tokens(self, text: str) -> list[int]:
        """Tokens of a text."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        ...


class Tokens(Language, Protocol):
    """All tokens of a language model."""

    @property
    def size(self) -> int:
        """Number of tokens."""
        ...

    @property
    def pad(self) -> int:
        """The padding token."""
        ...
