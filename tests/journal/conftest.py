from __future__ import annotations

from pathlib import Path

import pytest

from assistant.journal.backup import Places, pack
from assistant.journal.store import Journal
from tests.journal.archives import BRIDGES, NOW
from tests.journal.exchanges import exchange


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A lived-in home."""
    found = Places(tmp_path / "data" / "journal.db", tmp_path / "data" / "bridges")
    with Journal(found.journal) as journal:
        for number in range(3):
            exchange(journal, f"number {number}", seed=number)
    found.bridges.mkdir()
    for name, data in BRIDGES.items():
        (found.bridges / name).write_bytes(data)
    (found.bridges / "training.safetensors").write_bytes(b"half a training")
    (found.bridges / "1a2b.part").write_bytes(b"half a bridge")
    return found


@pytest.fixture
def archive(tmp_path: Path, places: Places) -> Path:
    path = tmp_path / "saved.tar"
    pack(places, path, NOW)
    return path
