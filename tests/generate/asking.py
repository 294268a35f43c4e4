"""Asking a toy something."""

from __future__ import annotations

import threading

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
