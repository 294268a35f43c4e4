"""What a bridge needs of a language model: its tokens and their embedding rows."""

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
        """Tokens of words."""
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens say."""
        ...


class Tokens(Language, Protocol):
    """All tokens of a language model."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def pad(self) -> int:
        """The token that stands for nothing."""
        ...
