from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.served import RUN, Manager
from tests.sound import silent_environment
from tests.wyoming.living import Living, living
from tests.wyoming.served import serving_wyoming


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A daemon with the bundled models, in a home of its own."""
    folder = tmp_path_factory.mktemp("daemon")
    manager = Manager(folder / "notify")
    try:
        with living(folder, manager, silent_environment(folder / "silent"), RUN) as daemon:
            yield daemon
    finally:
        manager.close()


@pytest.fixture(scope="package")
def port(daemon: Living, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where peers reach it."""
    with serving_wyoming(daemon.client.path, tmp_path_factory.mktemp("wyoming")) as port:
        yield port


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A socket at which nobody listens."""
    return tmp_path / "none.sock"
