from __future__ import annotations

from pathlib import Path

import pytest

from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from tests.daemon.home import Home


@pytest.fixture
def home(tmp_path: Path, encoder: Wav2Vec2Encoder, llm: LlamaSession) -> Home:
    return Home(tmp_path, encoder, llm, [])
