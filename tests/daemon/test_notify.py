from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.daemon.notify import Notifier
from tests.waiting import WAIT_S


class Manager:
    """A service manager, as far as a service sees it."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT_S)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def told(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(1 << 16).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    path = tmp_path / "notify"
    address = str(path) if request.param == "path" else f"@attune-test-{os.getpid()}-{path.parent}"
    manager = Manager(address)
    yield manager
    manager.socket.close()


def test_every_message_is_one_datagram_of_lines(manager: Manager) -> None:
    notifier = Notifier(manager.environ)
    notifier.ready("Listening")
    assert manager.told() == ["READY=1", "STATUS=Listening"]
    notifier.status("No microphone: \n it  went")
    assert manager.told() == ["STATUS=No microphone: it went"]
    notifier.alive()
    assert manager.told() == ["WATCHDOG=1"]
    notifier.stopping()
    assert manager.told() == ["STOPPING=1", "STATUS=Ending"]


def test_a_reload_tells_when_it_began(manager: Manager) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    Notifier(manager.environ).reloading()
    reloading, moment = manager.told()
    assert reloading == "RELOADING=1"
    name, _, microseconds = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(microseconds) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000


def test_threads_may_tell_at_once(manager: Manager) -> None:
    notifier = Notifier(manager.environ)
    threads = [threading.Thread(target=notifier.alive) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert [manager.told() for _ in threads] == [["WATCHDOG=1"]] * 8
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/none/such"}])
def test_nobody_to_tell_is_no_failure(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready("Listening")
    notifier.reloading()
    notifier.alive()
    notifier.stopping()


def test_a_manager_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    notifier = Notifier(manager.environ)
    manager.socket.close()
    notifier.alive()


def test_a_manager_that_does_not_listen_holds_up_nobody(manager: Manager) -> None:
    notifier = Notifier(manager.environ)
    manager.socket.settimeout(0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.settimeout(0)
        other.connect(manager.socket.getsockname())
        with suppress(BlockingIOError):
            while True:  # until there is no more room
                other.send(b"STATUS=x")
    notifier.alive()
    with suppress(BlockingIOError):
        while True:
            assert manager.socket.recv(1 << 16) == b"STATUS=x"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_PID": str(os.getpid())}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_meant_for_this_process_or_for_none(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/none/such", **environ}).watchdog_s == seconds
    assert Notifier(environ).watchdog_s is None


def test_the_environment_is_read_unless_another_one_is_given(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.environ["NOTIFY_SOCKET"])
    Notifier().alive()
    assert manager.told() == ["WATCHDOG=1"]
