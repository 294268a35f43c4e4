"""Tokens of an LLM as words and as embedding rows, with or without the LLM itself."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.generate.gguf import GGUFFile
from assistant.generate.native import Model
from assistant.generate.words import as_words


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A GGUF's tokens: their text and their rows in the embedding table."""

    gguf: GGUFFile
    model: Model

    @property
    def embedding_fingerprint(self) -> str:
        """Identifies architecture, vocabulary and rows."""
        return self.gguf.embedding_fingerprint

    @property
    def width(self) -> int:
        """Width of the embeddings."""
        return self.gguf.embedding_length

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.gguf.n_vocab

    @property
    def pad(self) -> int:
        """The token that means nothing: the padding token, else the end of the text.

        Its row does not matter, as long as nobody says it.
        """
        for key in ("padding_token_id", "eos_token_id", "bos_token_id"):
            token = self.gguf.get(f"tokenizer.ggml.{key}")
            if isinstance(token, int) and 0 <= token < self.size:
                return token
        return 0

    def rows(self, token_ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows of the embedding table, (n_tokens, width)."""
        return self.gguf.rows(token_ids)

    def tokens(self, text: str) -> list[int]:
        """Tokens of spoken words."""
        return self.model.tokenize(as_words(text), special=False) if text.strip() else []

    def text(self, tokens: Iterable[int]) -> str:
        """The text of tokens."""
        return self.model.detokenize(tokens)


@contextmanager
def vocabulary(path: Path) -> Generator[Vocabulary, None, None]:
    """The vocabulary of a GGUF without its other weights in memory.

    Raises:
        GGUFError: if the file is missing, damaged or not a language model.
    """
    gguf = GGUFFile(path)
    gguf.check_vocabulary()
    model = Model(path, vocab_only=True)
    try:
        yield Vocabulary(gguf, model)
    finally:
        model.close()
