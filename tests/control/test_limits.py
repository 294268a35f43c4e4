from __future__ import annotations

import json
import random
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.control.allowance import AT_ONCE, Allowance
from assistant.control.client import Client
from assistant.control.messages import Code, Status
from assistant.control.server import MAX_CLIENTS, MAX_LINE, MAX_REFUSALS, Server
from assistant.errors import ControlError
from tests.control.knowing import STATUS, Knowing
from tests.control.sockets import answers, call, connected, received, sent, serving
from tests.waiting import until

METHODS = ("status", "mute", "ask", "talk", "log", "promote", "events", "dance", "")


def test_calls_may_come_at_once_and_then_at_a_steady_pace() -> None:
    allowance = Allowance(at_once=3, per_s=2.0)
    moments = (7.0, 7.0, 7.0, 7.0, 7.25, 7.5, 7.75, 8.25, 8.25, 99.0, 99.0, 99.0, 99.0)
    taken = "".join("#" if allowance.take(moment) else "." for moment in moments)
    assert taken == "###..#.#.###."


def test_a_client_that_asks_too_often_is_put_off_and_then_dropped(
    place: Path, server: Server
) -> None:
    with connected(place) as hasty:
        asking = threading.Thread(target=_pour, args=(hasty, call() * 20_000))
        asking.start()
        found = answers(hasty)
        asking.join()
    served = [answer for answer in found if "result" in answer]
    put_off = [answer for answer in found if "error" in answer]
    assert len(served) >= AT_ONCE
    assert all("result" in answer for answer in found[:AT_ONCE])
    assert {answer["error"]["code"] for answer in put_off} == {Code.BUSY}
    assert len(put_off) == MAX_REFUSALS
    until(lambda: not server._clients)
    assert Client(place).status() == STATUS


@pytest.mark.usefixtures("server")
def test_each_client_has_an_allowance_of_its_own(place: Path) -> None:
    for _ in range(3):
        found = sent(place, call() * AT_ONCE)
        assert [answer["result"]["pid"] for answer in found] == [STATUS.pid] * AT_ONCE


def test_two_thousand_random_lines_harm_nobody(place: Path, knowing: Knowing) -> None:
    knowing.records = [{"id": 1}]
    found: list[Status] = []
    with serving(place, knowing) as server:

        def throw(seed: int) -> None:
            draw = random.Random(seed)
            for _ in range(10):  # 500 lines; most of them are read, because each client is new
                with connected(place) as connection:
                    _pour(connection, b"".join(_nonsense(draw) for _ in range(50)))
                    if draw.random() < 0.5:  # else it leaves without a look at the answers
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_WR)
                        received(connection)

        throwing = [threading.Thread(target=throw, args=(seed,)) for seed in range(4)]
        for thread in throwing:
            thread.start()
        with Client(place).statuses(0.06) as statuses:
            while any(thread.is_alive() for thread in throwing):
                found.append(next(statuses))
        for thread in throwing:
            thread.join()
        assert found
        assert set(map(Status.model_dump_json, found)) == {STATUS.model_dump_json()}
        until(lambda: not server._clients)
        talks = [what[1] for what in knowing.done if what[0] == "talk"]
        assert talks.count(True) == talks.count(False)  # nobody holds the button any more
        assert Client(place).status() == STATUS


def _pour(connection: socket.socket, data: bytes) -> None:
    with suppress(OSError):  # it hangs up on some
        connection.sendall(data)


def _nonsense(draw: random.Random) -> bytes:
    """A line that is malformed, cut, huge, of no use, or as it should be."""
    match draw.randrange(6):
        case 0:
            return draw.randbytes(draw.randrange(200)).replace(b"\n", b"") + b"\n"
        case 1:
            whole = call(method=draw.choice(METHODS))
            return whole[: draw.randrange(len(whole))] + b"\n"
        case 2:
            params = {"text": "x" * draw.randrange(2_000), "down": draw.random() < 0.5}
            return call(method=draw.choice(METHODS), params=params)
        case 3:
            return call(method="talk", params={"down": draw.random() < 0.5})
        case 4:
            return b"[" * draw.randrange(1, 5_000) + b"\n"
        case _:
            deep: object = draw.random()
            for _ in range(draw.randrange(60)):
                deep = {"params": deep}
            return json.dumps(deep).encode() + b"\n"


@pytest.mark.usefixtures("server")
def test_a_line_without_end_is_refused(place: Path) -> None:
    (problem,) = sent(place, b"x" * (20 * MAX_LINE))
    assert problem["error"]["code"] == Code.INVALID
    assert str(MAX_LINE) in problem["error"]["message"]
    assert Client(place).status() == STATUS


@pytest.mark.usefixtures("server")
def test_a_text_that_is_too_long_is_told(place: Path) -> None:
    with pytest.raises(ControlError, match=f"A line is longer than {MAX_LINE} bytes"):
        Client(place).say("x" * (20 * MAX_LINE))


def test_a_client_that_leaves_in_the_midst_of_a_line_harms_nobody(
    place: Path, server: Server
) -> None:
    for number in range(3 * MAX_CLIENTS):
        with connected(place) as connection, suppress(ConnectionError):
            connection.sendall(call()[: number % 20])

    def answered() -> bool:
        try:
            return Client(place).status() == STATUS
        except ControlError:  # those that left are still in the queue
            return False

    until(answered)
    until(lambda: not server._clients)


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
        with connected(place) as first, connected(place) as second:
            for client in (first, second):
                client.sendall(call())
                assert client.recv(4_096)
            with pytest.raises(ControlError, match="Too many clients"):
                Client(place).status()
        until(lambda: not server._clients)
        assert Client(place).status() == STATUS
