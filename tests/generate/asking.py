"""Asking a toy something."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.generate.llama import LlamaSession
from assistant.generate.stream import ReplyStream
from assistant.values import SoftPrompt

A, B, C = b"abc"
NEVER = threading.Event()


def ask(session: LlamaSession, user: SoftPrompt | str = "hello", context: str = "") -> ReplyStream:
    return session.reply(user, context, cancel=NEVER)


def soft(session: LlamaSession, text: str) -> SoftPrompt:
    rows = session.gguf.rows(session.tokenize(text, special=False))
    return SoftPrompt(rows, bridge="b1", confidence=1.0, heard=text)


def logits_after(
    session: LlamaSession, *pieces: Sequence[int] | NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits after the instruction and some pieces: tokens, or rows as the GGUF has them."""
    return session._logits_after(
        *(
            session._prompts.embeddings(piece)
            if isinstance(piece, np.ndarray)
            else np.array(piece, np.int32)
            for piece in pieces
        )
    )
