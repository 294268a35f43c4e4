from __future__ import annotations

import json
import threading
from itertools import islice
from pathlib import Path

import pytest

from assistant.control.client import Client
from assistant.control.server import BACKLOG, Server
from assistant.errors import ControlError
from assistant.personalise.training.events import Event, Judged, Judging, Nothing, Stepped
from tests.control.knowing import STATUS
from tests.control.sockets import call, connected, received, serving
from tests.waiting import WAIT_S, until


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


def test_who_follows_hears_of_exchanges_and_of_the_microphone(place: Path, server: Server) -> None:
    with Client(place).notices(WAIT_S) as notices:
        server.publish_turn({"id": 3, "reply": "Yes.", "confidence": None, "words": [{"x": 0.5}]})
        server.publish(Judging(1, 2))
        server.publish_state("absent", "The microphone is gone.")
        server.publish_state("listening")
        told = [(each.method, each.params) for each in islice(notices, 4) if each is not None]
    assert told == [
        ("turn", {"id": 3, "reply": "Yes.", "confidence": None, "words": [{"x": 0.5}]}),
        ("event", {"event": "judging", "done": 1, "of": 2}),
        ("state", {"microphone": "absent", "why": "The microphone is gone."}),
        ("state", {"microphone": "listening", "why": None}),
    ]


def test_who_follows_a_training_hears_of_nothing_else(place: Path, server: Server) -> None:
    with Client(place).events(WAIT_S) as events:
        server.publish_turn({"id": 3})
        server.publish_state("muted")
        server.publish(Judging(1, 2))
        assert next(events) == Judging(1, 2)


@pytest.mark.usefixtures("server")
def test_silence_is_told_too(place: Path) -> None:
    with Client(place).events(0.01) as events:
        assert next(events) is None


def test_a_lively_conversation_is_silence_to_who_follows_a_training(
    place: Path, server: Server
) -> None:
    with Client(place).events(0.0) as events:
        server.publish_turn({"id": 3})
        assert next(events) is None


def test_the_end_of_the_daemon_ends_the_events(place: Path) -> None:
    with serving(place) as server, Client(place).events(WAIT_S) as events:
        server.publish(Judging(1, 2))
        assert next(events) == Judging(1, 2)
        closing = threading.Thread(target=server.__exit__, args=(None, None, None))
        closing.start()
        with pytest.raises(ControlError, match="Attune has stopped"):
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
