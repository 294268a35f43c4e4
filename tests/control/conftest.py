from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.control.server import Server
from tests.control.knowing import Knowing
from tests.control.sockets import serving


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def knowing() -> Knowing:
    return Knowing()


@pytest.fixture
def server(place: Path, knowing: Knowing) -> Iterator[Server]:
    with serving(place, knowing) as server:
        yield server
