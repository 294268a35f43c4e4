"""Fixtures for the scheduling of trainings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.journal.store import Journal
from tests.personalise.home import ROOT, Home


@pytest.fixture
def home(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home whose trainers do not outlive the test."""
    monkeypatch.chdir(ROOT)
    home = Home(journal)
    yield home
    for supervisor in home.started:
        supervisor.stop(0.0)
