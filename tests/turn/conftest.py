from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.config import BridgeSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.journal.buffered import BufferedJournal
from assistant.speak.voice import Mute
from assistant.turn import Assistant
from tests.generate import toys
from tests.turn.rooms import Make


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "a. a. a." for as long as it may."""
    path = tmp_path_factory.mktemp("llm") / "endless.gguf"
    toys.write(path, toys.chained(*b"a. a"))
    with LlamaSession(toys.settings(path, max_tokens=400)) as session:
        yield session


@pytest.fixture(scope="module")
def rambling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "ababab" for as long as it may."""
    path = tmp_path_factory.mktemp("llm") / "endless.gguf"
    toys.write(path, toys.chained(*b"aba"))
    with LlamaSession(toys.settings(path, max_tokens=400)) as session:
        yield session


@pytest.fixture
def journal(path: Path) -> Iterator[BufferedJournal]:
    with BufferedJournal(path) as journal:
        yield journal


@pytest.fixture
def make(encoder: Wav2Vec2Encoder, llm: LlamaSession, journal: BufferedJournal) -> Make:
    def make(**changes: object) -> Assistant:
        rooms = {
            "encoder": encoder,
            "bridge": None,
            "llm": llm,
            "journal": journal,
            "voice": Mute(),
            "bridge_settings": BridgeSettings.model_validate({}),
            "generate_settings": toys.settings(Path("yes.gguf")),
        }
        return Assistant(**rooms | changes)  # pyright: ignore[reportArgumentType]

    return make
