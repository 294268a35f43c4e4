from __future__ import annotations

import math
import socket
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from assistant.control.client import Client
from assistant.control.messages import MAX_LOG, PROTOCOL, Exchange, MicrophoneState, Status
from assistant.errors import ControlError
from assistant.personalise.training.request import Request
from tests.control.knowing import STATUS, Knowing
from tests.control.sockets import answers, call, connected, sent
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("server")

RECORD = {"id": 3, "reply": "Half past six.", "timings_ms": {"total": 12.5}, "words": [{"a": 1}]}


def test_the_status_arrives_as_it_was_told(place: Path) -> None:
    assert Client(place).is_running()
    assert Client(place).status() == STATUS
    assert STATUS.protocol == PROTOCOL == 2


def test_a_full_status_arrives_whole(place: Path, knowing: Knowing) -> None:
    at = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)
    exchange = Exchange(
        id=3, heard="a — b", reply=None, route="bridge", timings_ms={"total": 1.5}, at=at
    )
    ears = MicrophoneState(state="listening", level_dbfs=-31.5, speech=True)
    told = {"microphone": ears, "recent": (exchange,), "warnings": ("The disk is full.",)}
    knowing.status_now = STATUS.model_copy(update=told)
    assert Client(place).status() == knowing.status_now


def test_perfect_silence_has_no_level(place: Path, knowing: Knowing) -> None:
    ears = MicrophoneState(state="listening", level_dbfs=-math.inf)
    knowing.status_now = STATUS.model_copy(update={"microphone": ears})
    microphone = Client(place).status().microphone
    assert microphone is not None
    assert microphone.level_dbfs is None


def test_statuses_come_over_one_connection(place: Path, knowing: Knowing) -> None:
    with Client(place).statuses(0.001) as statuses:
        assert next(statuses) == STATUS
        knowing.status_now = STATUS.model_copy(update={"turns": 1})
        assert next(statuses).turns == 1


def test_everything_that_can_be_asked_reaches_the_daemon(place: Path, knowing: Knowing) -> None:
    client = Client(place)
    knowing.records, knowing.found, knowing.before = [RECORD, RECORD], [{"version": "1a"}], "0f"
    assert client.ask(" what time is it ", aloud=False) == RECORD
    assert client.log(1) == [RECORD]
    assert client.confirm(3) == "what time is it"
    assert client.bridges() == [{"version": "1a"}]
    assert client.rollback() == "0f"
    client.retrain("base", 1.5)
    client.say("hello")
    client.mute()
    client.unmute()
    client.stop()
    client.reload()
    client.correct(3, "what day is it")
    client.promote("1a")
    client.promote(None)
    assert knowing.done == [
        ("ask", "what time is it", False),
        ("log", 1),
        ("confirm", 3),
        ("bridges",),
        ("rollback",),
        ("retrain", Request("base", 1.5)),
        ("say", "hello"),
        ("mute",),
        ("unmute",),
        ("stop",),
        ("reload",),
        ("correct", 3, "what day is it"),
        ("promote", "1a"),
        ("promote", None),
    ]


def test_what_is_not_told_has_a_default(place: Path, knowing: Knowing) -> None:
    client = Client(place)
    knowing.records = [RECORD]
    client.call("retrain")
    client.call("retrain", start="scratch", minutes=2)
    client.call("ask", text="x")
    client.call("log")
    assert knowing.done == [
        ("retrain", Request()),
        ("retrain", Request("scratch", 2.0)),
        ("ask", "x", True),
        ("log", 20),
    ]


def test_the_base_may_be_what_answers_again(place: Path) -> None:
    assert Client(place).rollback() is None


@pytest.mark.parametrize("ask", [Client.mute, Client.rollback, lambda who: who.ask("x")])
def test_a_refusal_is_told(ask: Any, place: Path, knowing: Knowing) -> None:
    knowing.refusal = "A training is already running."
    with pytest.raises(ControlError, match=r"^A training is already running\.$"):
        ask(Client(place))


def test_who_waits_for_a_reply_holds_up_nobody(place: Path, knowing: Knowing) -> None:
    knowing.may_answer, knowing.records = threading.Event(), [RECORD]
    found: list[dict[str, Any]] = []
    # its own patience is shorter than that of a question
    asking = threading.Thread(target=lambda: found.append(Client(place, 0.01).ask("x")))
    asking.start()
    until(lambda: knowing.done)
    assert Client(place).status() == STATUS
    knowing.may_answer.set()
    asking.join()
    assert found == [RECORD]


def test_many_clients_at_once_are_all_answered(place: Path) -> None:
    found: list[Status] = []
    threads = [
        threading.Thread(target=lambda: found.append(Client(place).status())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [STATUS] * 8


def test_several_calls_in_pieces_are_answered_in_order(place: Path) -> None:
    data = call(id=1) + call(id="two") + call(id=3, method="dance")
    with connected(place) as connection:
        for at in range(0, len(data), 7):
            connection.sendall(data[at : at + 7])
        connection.shutdown(socket.SHUT_WR)
        assert [answer["id"] for answer in answers(connection)] == [1, "two", 3]


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
        (call(method="ask"), -32602),
        (call(method="ask", params={"text": " "}), -32602),
        (call(method="ask", params={"text": "x", "aloud": 1}), -32602),
        (call(method="say", params={"text": 5}), -32602),
        (call(method="mute", params={"now": True}), -32602),
        (call(method="talk"), -32602),
        (call(method="talk", params={"down": "yes"}), -32602),
        (call(method="log", params={"last": 0}), -32602),
        (call(method="log", params={"last": MAX_LOG + 1}), -32602),
        (call(method="correct", params={"id": 0, "text": "x"}), -32602),
        (call(method="correct", params={"id": 1}), -32602),
        (call(method="confirm", params={"id": "1"}), -32602),
        (call(method="promote"), -32602),
        (call(method="promote", params={"version": ""}), -32602),
    ],
)
def test_nonsense_is_answered_and_the_next_line_heard(
    line: bytes, code: int, place: Path, knowing: Knowing
) -> None:
    problem, answer = sent(place, line + call(id="next"))
    assert problem["error"]["code"] == code
    assert problem["error"]["message"]
    assert "result" not in problem
    assert (answer["id"], answer["result"]["pid"]) == ("next", STATUS.pid)
    assert not knowing.done
