"""Browsers hear at once that something has happened, but not what."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from assistant.control.server import Server
from assistant.web.visit import COOKIE
from tests.control.sockets import serving
from tests.waiting import WAIT_S, until
from tests.web.browsing import Browser
from tests.web.helped import Helped
from tests.web.served import Web, serving_pages

MOST = 2

LetIn = Callable[..., Browser]


@pytest.fixture(scope="module")
def web(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with serving_pages(place, folder, live__MOST=MOST, live__BEAT_S=0.1) as web:
        yield web


@contextmanager
def following(browser: Browser, *, told: bool = True) -> Iterator[Callable[[bytes], None]]:
    """Follow what happens; what is yielded waits until some bytes have come."""
    lines = f"GET /live HTTP/1.1\r\nHost: localhost:{browser.port}\r\n"
    with closing(socket.create_connection(("127.0.0.1", browser.port), WAIT_S)) as connection:
        connection.sendall(f"{lines}Cookie: {COOKIE}={browser.key}\r\n\r\n".encode())
        found = b""

        def heard(wanted: bytes) -> None:
            nonlocal found
            deadline = time.monotonic() + WAIT_S
            while wanted not in found:
                assert time.monotonic() < deadline
                block = connection.recv(1 << 16)
                assert block, found
                found += block
            found = found.partition(wanted)[2]

        if told:
            heard(b": hello\n\n")
        yield heard


def test_what_happens_is_told_without_its_words(anna: Browser, server: Server) -> None:
    with following(anna) as heard:
        until(lambda: server._followers)  # the page's own connection to the daemon
        server.publish_turn({"id": 1, "transcript": "a secret"})
        heard(b"event: turn\ndata:\n\n")
        server.publish_state("muted", "a secret")
        heard(b"event: state\ndata:\n\n")
        heard(b": still here\n\n")


def test_one_connection_to_the_daemon_is_enough_for_all(let_in: LetIn, server: Server) -> None:
    anna, bert = let_in("Anna"), let_in("Bert", "reader")
    with following(anna) as first, following(bert) as second:
        until(lambda: server._followers)
        server.publish_turn({"id": 1})
        first(b"event: turn\n")
        second(b"event: turn\n")
        assert len(server._followers) == 1
    until(lambda: not server._followers)


@pytest.mark.parametrize("key", ["", "x" * 43])
def test_a_stranger_hears_nothing(key: str, web: Web, anna: Browser) -> None:
    del anna  # somebody is let in
    stranger = Browser(web.port)
    stranger.key = key
    answer = stranger.get("/live")
    assert (answer.status, answer.body) == (403, b"")


def test_no_more_are_told_than_there_is_room_for(anna: Browser) -> None:
    with following(anna), following(anna):
        answer = anna.get("/live")
        assert (answer.status, answer.body) == (200, b"")
    until(lambda: _has_room(anna))


def _has_room(browser: Browser) -> bool:
    lines = f"GET /live HTTP/1.1\r\nHost: localhost:{browser.port}\r\n"
    with closing(socket.create_connection(("127.0.0.1", browser.port), WAIT_S)) as connection:
        connection.sendall(f"{lines}Cookie: {COOKIE}={browser.key}\r\n\r\n".encode())
        found = b""
        while b": hello" not in found and b"\r\n0\r\n" not in found:
            found += connection.recv(1 << 16)
    return b": hello" in found


def test_the_daemon_going_and_coming_is_told(
    place: Path, tmp_path: Path, web: Web, server: Server, anna: Browser, helped: Helped
) -> None:
    with following(anna) as heard:
        until(lambda: server._followers)
        server.__exit__(None, None, None)
        heard(b"event: state\n")
        assert anna.get("/live").status == 503
        with serving(place, helped) as again:
            heard(b"event: state\n")
            until(lambda: again._followers)
            again.publish_turn({"id": 1})
            heard(b"event: turn\n")
        server.__enter__()
    del tmp_path, web


def test_whoever_is_shut_out_is_told_nothing_more(
    let_in: LetIn, server: Server, helped: Helped
) -> None:
    anna = let_in("Anna")
    with following(anna) as heard:
        until(lambda: server._followers)
        helped.shut_out(1)
        heard(b"\r\n0\r\n\r\n")  # the end
