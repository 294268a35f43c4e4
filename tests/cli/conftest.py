"""What tests of several commands need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.journal.store import Journal
from tests.person import ordinary_home


@pytest.fixture
def service() -> Iterator[Path]:
    """The folder of a service, with its journal, which an ordinary person may not read."""
    with ordinary_home() as home:
        Journal(home / "journal.db").close()
        if os.geteuid() != 0:  # else root's file is closed anyway
            (home / "journal.db").chmod(0)
        yield home
