"""A daemon to attack, and a machine to install on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.house import House
from tests.daemon.served import Service
from tests.deploy.conftest import machine
from tests.sound import silent_environment

__all__ = ["machine", "service"]


@pytest.fixture
def service(tmp_path: Path, house: House) -> Iterator[Service]:
    """It finds no sound device at all, so it hears nothing."""
    service = Service(tmp_path, house.with_own_ears, silent_environment(tmp_path / "silent"))
    yield service
    service.manager.close()
