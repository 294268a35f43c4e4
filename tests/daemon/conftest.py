from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.config import EncodeSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from tests.daemon.home import Home
from tests.encode import tiny
from tests.generate import toys


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Wav2Vec2Encoder:
    """It reads the letter e, whatever is said."""
    folder = tiny.write(tmp_path_factory.mktemp("encoder"), says="E")
    return Wav2Vec2Encoder(EncodeSettings.model_validate({"path": folder}))


@pytest.fixture(scope="session")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "Yes.", whatever it is asked."""
    path = toys.write(
        tmp_path_factory.mktemp("llm") / "yes.gguf", toys.chained(*b"Yes.", toys.IM_END)
    )
    with LlamaSession(toys.settings(path)) as session:
        yield session


@pytest.fixture
def home(tmp_path: Path, encoder: Wav2Vec2Encoder, llm: LlamaSession) -> Home:
    return Home(tmp_path, encoder, llm, [])
