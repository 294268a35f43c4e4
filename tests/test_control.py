from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from assistant.control.address import PATH_BYTES, is_trusted
from assistant.control.client import Client
from assistant.control.messages import PROTOCOL, Status
from assistant.control.server import BACKLOG, MAX_CLIENTS, MAX_LINE, RefusalError, Server
from assistant.errors import ControlError
from assistant.personalise.progress import Event, Judged, Judging, Nothing, Stepped
from assistant.personalise.request import Request

ROOT = Path(__file__).parents[1]
WAIT_S = 60.0
"""Longest wait of a test that would otherwise never end."""

STATUS = Status(
    pid=7, bridge="1a2b3c", state="waiting", waits=("2 more examples",), last_verdict={"event": "x"}
)


@dataclass
class Knowing:
    """Answers what the test says."""

    status_now: Status = STATUS
    refusal: str | None = None
    asked: list[Request] = field(default_factory=list)

    def status(self) -> Status:
        return self.status_now

    def retrain(self, request: Request) -> None:
        if self.refusal is not None:
            raise RefusalError(self.refusal)
        self.asked.append(request)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def knowing() -> Knowing:
    return Knowing()


@pytest.fixture
def server(place: Path, knowing: Knowing) -> Iterator[Server]:
    with Server(place) as server:
        server.serve(knowing)
        yield server


@contextmanager
def serving(place: Path, **limits: Any) -> Iterator[Server]:
    with Server(place, **limits) as server:
        server.serve(Knowing())
        yield server


@contextmanager
def connected(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(place))
        yield connection


def received(connection: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    found = bytearray()
    with suppress(ConnectionError):
        while block := connection.recv(1 << 16):
            found += block
    return bytes(found)


def answers(connection: socket.socket) -> list[dict[str, Any]]:
    """All lines until the server hangs up."""
    return [json.loads(line) for line in received(connection).splitlines()]


def sent(place: Path, data: bytes) -> list[dict[str, Any]]:
    """What the server answers to bytes and nothing after them."""
    with connected(place) as connection:
        with suppress(ConnectionError):  # it hangs up on nonsense without reading it to the end
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        return answers(connection)


def call(**changes: object) -> bytes:
    words = {"jsonrpc": "2.0", "id": 1, "method": "status"} | changes
    return json.dumps(words).encode() + b"\n"


def until(holds: Any) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("server")
def test_the_status_arrives_as_it_was_told(place: Path) -> None:
    assert Client(place).is_running()
    assert Client(place).status() == STATUS
    assert STATUS.protocol == PROTOCOL


@pytest.mark.usefixtures("server")
def test_a_training_is_asked_for(place: Path, knowing: Knowing) -> None:
    client = Client(place)
    assert client.call("retrain") is None
    client.call("retrain", start="base", minutes=1.5)
    client.call("retrain", start="scratch", minutes=2)
    assert knowing.asked == [Request(), Request("base", 1.5), Request("scratch", 2.0)]


@pytest.mark.usefixtures("server")
def test_a_refusal_is_told(place: Path, knowing: Knowing) -> None:
    knowing.refusal = "A training is under way already."
    with pytest.raises(ControlError, match=r"^A training is under way already\.$"):
        Client(place).call("retrain")


def test_who_follows_hears_of_every_event_in_order(place: Path, server: Server) -> None:
    told: list[Event] = [
        Stepped(1, 400, float("inf"), None, 12.0),
        Judging(3, 9),
        Judged("1a2b3c", accepted=True, why="better", numbers={"after_rouge1": 0.9}),
        Nothing("no examples"),
    ]
    server.publish(Judging(1, 9))  # before anybody follows
    with Client(place).events(WAIT_S) as first, Client(place).events(WAIT_S) as second:
        for event in told:
            server.publish(event)
        assert list(islice(first, len(told))) == told
        assert list(islice(second, len(told))) == told


@pytest.mark.usefixtures("server")
def test_silence_is_told_too(place: Path) -> None:
    with Client(place).events(0.01) as events:
        assert next(events) is None


def test_the_end_of_the_daemon_ends_the_events(place: Path) -> None:
    with serving(place) as server, Client(place).events(WAIT_S) as events:
        server.publish(Judging(1, 2))
        assert next(events) == Judging(1, 2)
        closing = threading.Thread(target=server.__exit__, args=(None, None, None))
        closing.start()
        with pytest.raises(ControlError, match="Attune has ended"):
            next(events)
        closing.join()
    assert not Client(place).is_running()


def test_a_follower_that_leaves_gives_its_place_back(place: Path, server: Server) -> None:
    with Client(place).events(WAIT_S):
        assert len(server._followers) == 1
    until(lambda: not server._followers and not server._clients)
    server.publish(Judging(1, 2))
    assert Client(place).status() == STATUS


def test_a_follower_that_does_not_read_is_dropped_and_holds_up_nobody(
    place: Path, server: Server
) -> None:
    large = Nothing("x" * 60_000)
    with connected(place) as asleep:
        asleep.sendall(call(method="events"))
        with Client(place).events(WAIT_S) as awake:
            for _ in range(3 * BACKLOG):
                server.publish(large)
                assert next(awake) == large
        assert 1 <= received(asleep).count(b"\n") < 3 * BACKLOG  # and no later ones
        until(lambda: not server._followers)


def test_what_a_follower_says_is_ignored(place: Path, server: Server) -> None:
    with connected(place) as talker:
        talker.sendall(call(method="events") + call())
        reader = talker.makefile("rb")
        assert json.loads(reader.readline()) == {"jsonrpc": "2.0", "id": 1, "result": None}
        server.publish(Judging(1, 2))
        assert json.loads(reader.readline())["params"] == {"event": "judging", "done": 1, "of": 2}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\n", -32700),
        (b"hello\n", -32700),
        (b"\xff\xfe\x00\n", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}\n', -32700),
        (b"[" * 10_000 + b"\n", -32700),
        (b"[]\n", -32600),
        (b"null\n", -32600),
        (b"{}\n", -32600),
        (call(jsonrpc="1.0"), -32600),
        (call(id=None), -32600),
        (call(id=1.5), -32600),
        (call(method=3), -32600),
        (call(params=[1]), -32600),
        (call(also="this"), -32600),
        (call(method="dance"), -32601),
        (call(method="__init__" * 1_000), -32601),
        (call(params={"loud": True}), -32602),
        (call(method="events", params={"loud": True}), -32602),
        (call(method="retrain", params={"start": "moon"}), -32602),
        (call(method="retrain", params={"minutes": "5"}), -32602),
        (call(method="retrain", params={"minutes": 0}), -32602),
        (call(method="retrain", params={"minutes": float("inf")}), -32602),
        (call(method="retrain", params={"minutes": float("nan")}), -32602),
        (call(method="retrain", params={"minutes": True}), -32602),
    ],
)
@pytest.mark.usefixtures("server")
def test_nonsense_is_answered_and_the_next_line_heard(
    line: bytes, code: int, place: Path, knowing: Knowing
) -> None:
    problem, answer = sent(place, line + call(id="next"))
    assert problem["error"]["code"] == code
    assert problem["error"]["message"]
    assert "result" not in problem
    assert (answer["id"], answer["result"]["pid"]) == ("next", STATUS.pid)
    assert not knowing.asked


@pytest.mark.usefixtures("server")
def test_several_calls_in_pieces_are_answered_in_order(place: Path) -> None:
    data = call(id=1) + call(id="two") + call(id=3, method="dance")
    with connected(place) as connection:
        for at in range(0, len(data), 7):
            connection.sendall(data[at : at + 7])
        connection.shutdown(socket.SHUT_WR)
        assert [answer["id"] for answer in answers(connection)] == [1, "two", 3]


@pytest.mark.usefixtures("server")
def test_a_line_without_end_is_refused(place: Path) -> None:
    (problem,) = sent(place, b"x" * (20 * MAX_LINE))
    assert problem["error"]["code"] == -32600
    assert str(MAX_LINE) in problem["error"]["message"]
    assert Client(place).status() == STATUS


def test_a_client_that_leaves_in_the_midst_of_a_line_harms_nobody(
    place: Path, server: Server
) -> None:
    for number in range(3 * MAX_CLIENTS):
        with connected(place) as connection, suppress(ConnectionError):
            connection.sendall(call()[: number % 20])
    until(lambda: not server._clients)
    assert Client(place).status() == STATUS


def test_a_client_that_says_nothing_is_dropped(place: Path) -> None:
    with serving(place, read_s=0.05), connected(place) as silent:
        assert answers(silent) == []


def test_a_client_that_says_a_letter_at_a_time_is_dropped(place: Path) -> None:
    with serving(place, read_s=0.1) as server, connected(place) as slow:
        slow.settimeout(0.01)

        def dropped() -> bool:
            try:
                slow.sendall(b"x")
                return not slow.recv(1)
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        until(dropped)
        until(lambda: not server._clients)


def test_too_many_clients_are_turned_away_until_one_leaves(place: Path) -> None:
    with serving(place, max_clients=2) as server:
        with connected(place), connected(place) as second:
            second.sendall(call())
            assert second.recv(4_096)  # both have been taken
            with pytest.raises(ControlError, match="Too many clients"):
                Client(place).status()
        until(lambda: not server._clients)
        assert Client(place).status() == STATUS


def test_many_clients_at_once_are_all_answered(place: Path) -> None:
    found: list[Status] = []
    with serving(place, max_clients=8):
        threads = [
            threading.Thread(target=lambda: found.append(Client(place).status())) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [STATUS] * 8


def test_clients_wait_while_the_daemon_gets_ready(place: Path) -> None:
    found: list[Status] = []
    with Server(place) as server:
        asking = threading.Thread(target=lambda: found.append(Client(place).status()))
        asking.start()
        assert Client(place).is_running()
        assert not found
        server.serve(Knowing())
        asking.join()
    assert found == [STATUS]


def test_a_daemon_that_does_not_answer_is_told(place: Path) -> None:
    with Server(place), pytest.raises(ControlError, match="runs, but does not answer"):
        Client(place, answer_s=0.05).status()


def test_nobody_listens(place: Path) -> None:
    assert not Client(place).is_running()
    with pytest.raises(ControlError, match="Attune is not running"):
        Client(place).status()


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b'{"jsonrpc": "2.0", "id": 1, "result": {"pid": 1}}\n', b"{}\n"],
)
def test_a_daemon_of_another_version_is_told(line: bytes, place: Path) -> None:
    place.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(place))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(line)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ControlError, match="another version"):
            Client(place).status()
        thread.join()


def test_only_its_user_and_its_group_may_use_the_socket(place: Path, server: Server) -> None:
    del server
    assert place.stat().st_mode & 0o777 == 0o660
    assert place.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("uid", "groups", "may"),
    [
        (1000, {1000}, True),
        (0, {0}, True),
        (1001, {1001, 50}, True),
        (1001, {1001}, False),
        (1001, set[int](), False),
    ],
)
def test_who_may_ask(uid: int, groups: set[int], may: bool) -> None:  # noqa: FBT001
    assert is_trusted(uid, groups, own_uid=1000, socket_group=50) is may


def test_a_second_daemon_is_refused_and_the_first_goes_on(place: Path, server: Server) -> None:
    del server
    with pytest.raises(ControlError, match="Attune already runs"), Server(place):
        pass
    assert Client(place).status() == STATUS


def test_the_place_is_free_again_after_the_end(place: Path) -> None:
    for _ in range(2):
        with serving(place):
            assert Client(place).status() == STATUS
        assert not place.exists()


def test_the_socket_of_a_killed_daemon_is_replaced(place: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from assistant.control.server import Server\n"
        "with Server(Path(sys.argv[1])): print('ready', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(place)], cwd=ROOT, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        with pytest.raises(ControlError, match="Attune already runs"), Server(place):
            pass
        os.kill(daemon.pid, signal.SIGKILL)
    assert place.is_socket()
    assert not Client(place).is_running()
    with serving(place):
        assert Client(place).status() == STATUS


def test_something_else_in_its_place_is_left_alone(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("mine")
    with pytest.raises(ControlError, match="is not a socket"), Server(place):
        pass
    assert place.read_text() == "mine"
    assert not Client(place).is_running()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "control.sock"
    with pytest.raises(ControlError, match="Cannot listen for commands"), Server(place):
        pass
    assert not Client(place).is_running()


def test_a_path_that_no_socket_can_have_is_told(tmp_path: Path) -> None:
    place = tmp_path / ("x" * PATH_BYTES)
    with pytest.raises(ControlError, match="too long for a socket"), Server(place):
        pass
    with pytest.raises(ControlError, match="too long for a socket"):
        Client(place).status()


def test_a_path_as_long_as_a_socket_can_have_is_used(tmp_path: Path) -> None:
    place = tmp_path / ("x" * (PATH_BYTES - len(os.fsencode(tmp_path)) - 1))
    assert len(os.fsencode(place)) == PATH_BYTES
    with serving(place):
        assert Client(place).status() == STATUS
