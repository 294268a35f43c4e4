"""Fixtures that more than one room's tests need."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.config import EncodeSettings
from assistant.journal.buffered import BufferedJournal
from assistant.journal.store import Journal
from tests.sound import SoundServer, synthesise

if TYPE_CHECKING:
    from assistant.encode.wav2vec2 import Wav2Vec2Encoder
    from assistant.generate.llama import LlamaSession
    from tests.cli.house import House

# A shell starts background jobs deaf to Ctrl-C, and their children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = "tests/web/test_first_version.py"
"""Begun as late as its name has it, this file would end long after all others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file; the order of the rest stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def sound_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    server = SoundServer(tmp_path_factory.mktemp("sound"))
    yield server
    server.close()


@pytest.fixture
def mortal_server(tmp_path: Path) -> Iterator[SoundServer]:
    """A sound server of the test's own, to be stopped or killed."""
    server = SoundServer(tmp_path / "sound")
    yield server
    server.close()


@pytest.fixture(scope="session")
def spoken_sentence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sentence of about three seconds with silence around it."""
    return synthesise(
        "Good morning, what is the weather like today?",
        tmp_path_factory.mktemp("speech") / "sentence.wav",
        lead_s=1.0,
        tail_s=1.5,
    )


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    # toy models are written with torch, which most tests can do without
    from tests.cli.house import House  # noqa: PLC0415

    return House.build(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Wav2Vec2Encoder:
    """It reads the letter e, whatever is said."""
    from assistant.encode.wav2vec2 import Wav2Vec2Encoder  # noqa: PLC0415
    from tests.encode import tiny  # noqa: PLC0415

    folder = tiny.write(tmp_path_factory.mktemp("encoder"), says="E")
    return Wav2Vec2Encoder(EncodeSettings.model_validate({"path": folder}))


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaSession]:
    """It answers "Yes.", whatever it is asked."""
    from assistant.generate.llama import LlamaSession  # noqa: PLC0415
    from tests.generate import toys  # noqa: PLC0415

    path = tmp_path_factory.mktemp("llm") / "yes.gguf"
    toys.write(path, toys.chained(*b"Yes.", toys.IM_END))
    with LlamaSession(toys.settings(path)) as session:
        yield session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as journal:
        yield journal


@pytest.fixture
def told() -> list[str]:
    """What a patient journal told its user."""
    return []


@pytest.fixture
def patient_journal(path: Path, told: list[str]) -> Iterator[BufferedJournal]:
    with BufferedJournal(path, busy_s=0.05, tell=told.append) as journal:
        yield journal


def pytest_unconfigure() -> None:
    # llama-cpp-python leaves two handles on /dev/null open, which Python complains of at exit
    utilities = sys.modules.get("llama_cpp._utils")
    for name in ("outnull_file", "errnull_file"):
        if utilities is not None:
            getattr(utilities, name).close()
