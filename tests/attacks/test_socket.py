"""The control socket: whoever may not use it, uses too much of it or deletes it."""

from __future__ import annotations

import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.messages import Code
from assistant.control.server import MAX_CLIENTS
from assistant.errors import ControlError
from assistant.journal.store import Journal
from tests.attacks.bounds import command
from tests.control.knowing import STATUS, Knowing
from tests.control.sockets import call, connected, sent, serving
from tests.daemon.served import RUN, Service, ended
from tests.waiting import until


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_without_a_group_the_socket_is_its_user_s_alone(place: Path) -> None:
    with serving(place):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_clients_that_say_nothing_keep_nobody_out(place: Path) -> None:
    with serving(place, read_s=600), ExitStack() as silent:
        for _ in range(2 * MAX_CLIENTS):
            silent.enter_context(connected(place))
        assert Client(place).status() == STATUS


def test_a_socket_that_is_deleted_comes_back(place: Path) -> None:
    def answered() -> bool:
        try:
            return Client(place).status() == STATUS
        except ControlError:
            return False

    with serving(place):
        for _ in range(2):
            place.unlink()
            until(answered)
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert not place.exists()


class Faulty(Knowing):
    def mute(self) -> None:
        raise ZeroDivisionError("what was said")


def test_a_fault_in_one_call_ends_that_call_only(place: Path) -> None:
    with serving(place, Faulty()):
        (answer,) = sent(place, call(method="mute"))
        assert answer["error"]["code"] == Code.INTERNAL
        assert "what was said" not in answer["error"]["message"]
        assert Client(place).status() == STATUS


def test_what_was_erased_is_shown_and_repeated_no_more(service: Service) -> None:
    words = "my secret number is four seven one one"
    with service.running(RUN) as process:
        service.manager.told_until("READY=1")
        service.client.ask(words, aloud=False)
        assert service.client.status().recent
        home = {"ATTUNE_JOURNAL__PATH": str(service.folder / "journal.db")}
        done = command(service.folder, ["log", "delete", "--all", "--yes"], home)
        assert done.returncode == 0
        assert not service.client.status().recent
        said = service.client.ask("what did I say", aloud=False)["reply"]
        assert "secret" not in said
        with Journal(service.folder / "journal.db") as journal:
            assert journal.count() == 1
        ended(process)
