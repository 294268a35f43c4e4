from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.household.agenda import Agenda
from assistant.journal.store import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as journal:
        yield journal


@pytest.fixture
def agenda(journal: Journal) -> Agenda:
    return Agenda(journal)
