from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from assistant.catalog.folder import ModelFolder
from tests.catalog import hub as hubs
from tests.catalog import index as indexes
from tests.catalog.hub import FakeHub
from tests.catalog.index import FakeIndex


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    # read when the library is loaded, which another test may have done
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with hubs.serving() as hub:
        yield hub


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIndex]:
    with indexes.serving() as index:
        for name, value in indexes.environment(index.address).items():
            monkeypatch.setenv(name, value)
        yield index


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models")
