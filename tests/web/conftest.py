from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.control.messages import Role
from assistant.control.server import Server
from tests.control.sockets import serving
from tests.web.browsing import Browser
from tests.web.helped import Helped
from tests.web.served import Web, serving_pages

if TYPE_CHECKING:
    from assistant.encode.wav2vec2 import Wav2Vec2Encoder
    from assistant.generate.llama import LlamaSession
    from tests.daemon.home import Daemon, Home


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The socket of every daemon, one after another, whose pages are served."""
    return tmp_path_factory.mktemp("daemon") / "run" / "control.sock"


@pytest.fixture(scope="session")
def web(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with serving_pages(place, tmp_path_factory.mktemp("web")) as web:
        yield web


@pytest.fixture
def helped(tmp_path: Path) -> Helped:
    """A daemon that knows what it was asked."""
    return Helped(folder=tmp_path)


@pytest.fixture(autouse=True)
def server(place: Path, helped: Helped, request: pytest.FixtureRequest) -> Iterator[Server | None]:
    """Its socket, unless a test brings another daemon."""
    if "home" in request.fixturenames:
        yield None
    else:
        with serving(place, helped) as server:
            yield server


@pytest.fixture
def home(tmp_path: Path, encoder: Wav2Vec2Encoder, llm: LlamaSession) -> Home:
    from tests.daemon.home import Home  # noqa: PLC0415 - most tests here do without torch

    return Home(tmp_path, encoder, llm, [])


@pytest.fixture
def living(home: Home, place: Path) -> Iterator[Daemon]:
    """A daemon over toy models that answers."""
    settings = home.settings(control={"path": place})
    with home.daemon(settings) as daemon, daemon.living():
        yield daemon


@pytest.fixture
def bert(web: Web, living: Daemon) -> Browser:
    """A device that this daemon has let in."""
    browser = Browser(web.port)
    assert browser.pair(living.client.invite(), "Bert's phone").to == "/"
    return browser


@pytest.fixture
def let_in(web: Web, helped: Helped) -> Callable[..., Browser]:
    """A device that was let in."""

    def let_in(name: str = "Anna's phone", role: Role = "helper") -> Browser:
        browser = Browser(web.port)
        assert browser.pair(helped.invite(role), name).to == "/"
        return browser

    return let_in


@pytest.fixture
def anna(let_in: Callable[..., Browser]) -> Browser:
    return let_in()
