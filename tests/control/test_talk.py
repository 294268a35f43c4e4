from __future__ import annotations

from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.server import Server
from assistant.control.talk_button import HeldButton
from assistant.errors import ControlError
from tests.control.knowing import STATUS, Knowing
from tests.control.sockets import call, connected, serving
from tests.waiting import until

DOWN, UP = ("talk", True), ("talk", False)


def test_the_first_to_press_and_the_last_to_let_go_count() -> None:
    told = ""

    def tell(what: str) -> None:
        nonlocal told
        told += what

    button = HeldButton(lambda: tell("▼"), lambda: tell("▲"))
    button.release("anna")
    button.hold("anna")
    button.hold("anna")
    button.hold("peter")
    button.release("anna")
    assert told == "▼"
    button.release("peter")
    button.release("peter")
    button.hold("anna")
    assert told == "▼▲▼"


@pytest.mark.usefixtures("server")
def test_the_button_is_down_within_the_block(place: Path, knowing: Knowing) -> None:
    with Client(place).talking() as hold:
        hold()
        hold()
        assert knowing.done == [DOWN]
    assert knowing.done == [DOWN, UP]


@pytest.mark.usefixtures("server")
def test_letting_go_of_what_one_does_not_hold_does_nothing(place: Path, knowing: Knowing) -> None:
    with Client(place).talking():
        Client(place).call("talk", down=False)
        assert knowing.done == [DOWN]


def test_a_client_that_hangs_up_lets_go(place: Path, server: Server, knowing: Knowing) -> None:
    with connected(place) as connection:
        connection.sendall(call(method="talk", params={"down": True}))
        assert connection.recv(4_096)
    until(lambda: not server._clients)
    assert knowing.done == [DOWN, UP]


def test_a_client_that_is_stuck_lets_go(place: Path, knowing: Knowing) -> None:
    with serving(place, knowing, read_s=0.05) as server, connected(place) as stuck:
        stuck.sendall(call(method="talk", params={"down": True}))
        until(lambda: UP in knowing.done)
        until(lambda: not server._clients)
    assert knowing.done == [DOWN, UP]


def test_the_end_of_the_daemon_lets_go_and_is_told(place: Path, knowing: Knowing) -> None:
    with (
        serving(place, knowing) as server,
        pytest.raises(ControlError, match="Attune has stopped"),
        Client(place).talking(),
    ):
        server.__exit__(None, None, None)
    assert knowing.done == [DOWN, UP]


@pytest.mark.usefixtures("server")
def test_a_press_that_is_refused_does_not_count(place: Path, knowing: Knowing) -> None:
    knowing.refusal = "Push-to-talk is off."
    with pytest.raises(ControlError, match=r"^Push-to-talk is off\.$"), Client(place).talking():
        pass
    knowing.refusal = None
    with Client(place).talking():
        assert knowing.done == [DOWN]
    assert Client(place).status() == STATUS
