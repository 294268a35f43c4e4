"""Who is slow is hung up on, and holds nobody up meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from assistant.web.visit import COOKIE
from tests.waiting import WAIT_S
from tests.web.browsing import FORM, Browser, rest
from tests.web.helped import Helped
from tests.web.served import Web, serving_pages

GIVEN_S = 1.0
"""For a head, for a body, and between two requests."""

PATIENT_S = 20.0
"""Longest wait for the server to hang up."""


@pytest.fixture(scope="module")
def web(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    with serving_pages(place, folder, server__HEAD_S=GIVEN_S, guard__BODY_S=GIVEN_S) as web:
        yield web


def head(web: Web, first: str, *more: str, key: str = "") -> bytes:
    lines = (first, f"Host: localhost:{web.port}", f"Origin: http://localhost:{web.port}", *more)
    cookie = f"Cookie: {COOKIE}={key}\r\n" if key else ""
    return ("\r\n".join(lines) + f"\r\n{cookie}\r\n").encode()


def hung_up(web: Web, data: bytes, *, dribble: bytes = b"") -> bytes:
    """All that is answered until the server hangs up, which it must."""
    with socket.create_connection(("127.0.0.1", web.port), PATIENT_S) as connection:
        connection.sendall(data)
        found = b""
        with suppress(ConnectionError):
            for place in range(len(dribble)):
                connection.settimeout(0.1)
                with suppress(TimeoutError):
                    block = connection.recv(1 << 16)
                    if not block:
                        return found
                    found += block
                connection.sendall(dribble[place : place + 1])
            assert not dribble, "it went on listening"
            connection.settimeout(PATIENT_S)
            found += rest(connection)
        return found


def test_who_sends_nothing_is_hung_up_on(web: Web) -> None:
    assert hung_up(web, b"") == b""


def test_half_a_head_is_hung_up_on(web: Web) -> None:
    assert hung_up(web, b"GET / HTTP/1.1\r\nHost: localhost\r\nCook") == b""


def test_a_head_that_comes_byte_by_byte_is_hung_up_on(web: Web) -> None:
    assert hung_up(web, b"", dribble=b"GET / HTTP/1.1\r\nX: " + b"x" * 400) == b""


@pytest.mark.parametrize("path", ["/say", "/pair", "/nothing"])
def test_a_form_that_never_comes_is_given_up(path: str, web: Web, helped: Helped) -> None:
    asked = head(web, f"POST {path} HTTP/1.1", f"Content-Type: {FORM}", "Content-Length: 100")
    assert hung_up(web, asked).startswith(b"HTTP/1.1 413 ")
    answer = hung_up(web, asked + b"text=hello", dribble=b"x" * 90 * 5)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert helped.done == []


@pytest.mark.parametrize("first", ["GET / HTTP/1.1", "GET /static/attune.css HTTP/1.1"])
def test_who_goes_on_sending_after_the_answer_is_hung_up_on(first: str, web: Web) -> None:
    asked = head(web, first, "Content-Length: 1000000")
    assert hung_up(web, asked, dribble=b"x" * 400).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("first", "more"),
    [
        ("PUT / HTTP/1.1", ()),
        ("POST /say HTTP/1.1", ("Origin: http://evil.example",)),
        ("POST /say HTTP/1.1", ("Content-Type: text/plain",)),
    ],
)
def test_who_was_refused_is_hung_up_on(first: str, more: tuple[str, ...], web: Web) -> None:
    asked = head(web, first, "Content-Length: 1000000", *more)
    body = b"x" * 70_000  # too long for a form already
    assert hung_up(web, asked + body, dribble=b"x" * 400).startswith(b"HTTP/1.1 4")


def test_a_connection_on_which_nothing_follows_ends(web: Web) -> None:
    answer = hung_up(web, head(web, "GET /pair HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    twice = head(web, "GET /pair HTTP/1.1") * 2
    assert hung_up(web, twice).count(b"HTTP/1.1 200 ") == 2


def test_others_are_answered_meanwhile(web: Web, helped: Helped) -> None:
    silent = [socket.create_connection(("127.0.0.1", web.port), WAIT_S) for _ in range(60)]
    try:
        half = head(web, "POST /say HTTP/1.1", f"Content-Type: {FORM}", "Content-Length: 100")
        for each in silent:
            each.sendall(half)
        browser = Browser(web.port)
        assert browser.pair(helped.invite()).to == "/"
        assert browser.get("/").status == 200
    finally:
        for each in silent:
            each.close()
