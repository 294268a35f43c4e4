"""Loaded toys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.generate.llama import LlamaSession
from tests.generate.toys import Load, Toy, settings, write


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    opened: list[LlamaSession] = []

    def _load(toy: Toy, **changes: object) -> LlamaSession:
        path = write(tmp_path / f"toy-{len(opened)}.gguf", toy)
        opened.append(LlamaSession(settings(path, **changes)))
        return opened[-1]

    yield _load
    for session in opened:
        session.close()
