from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.config import BridgeSettings, HouseholdSettings
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.household.clocks import Moment, look
from assistant.household.household import Household
from assistant.journal.buffered import BufferedJournal
from assistant.skills.desk import Desk
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
    def make(
        look: Callable[[], Moment] = look,
        household: HouseholdSettings | None = None,
        **changes: Any,
    ) -> Assistant:
        settings = changes.get("generate_settings") or toys.settings(Path("yes.gguf"))
        desk = Desk(
            Household.of(changes.get("journal", journal), household, look=look),
            settings.user_name,
            settings.reminders,
        )
        rooms = {
            "encoder": encoder,
            "bridge": None,
            "llm": llm,
            "journal": journal,
            "voice": Mute(),
            "bridge_settings": BridgeSettings.model_validate({}),
            "desk": desk,
            "generate_settings": settings,
        }
        return Assistant(**rooms | changes)

    return make
