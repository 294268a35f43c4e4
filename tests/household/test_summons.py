"""Calls for help, with a real program and a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from assistant.config import HouseholdSettings
from assistant.household import summons as module
from assistant.household.summons import AGAIN_S, Summons


class House(HTTPServer):
    """A server in the local network that answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.got: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), Door)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/help"


class Door(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        house = self.server
        assert isinstance(house, House)
        house.got.append((self.path, body))
        self.send_response(house.status)
        if 300 <= house.status < 400:
            self.send_header("Location", f"{house.address}/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:  # after a redirect
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def serving(status: int = 200) -> Iterator[House]:
    with House(status) as house:
        thread = threading.Thread(target=house.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield house
        finally:
            house.shutdown()
            thread.join()


def summons(**settings: object) -> Summons:
    return Summons(HouseholdSettings.model_validate(settings))


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_without_a_hook_nobody_is_called() -> None:
    nobody = summons()
    assert not nobody.configured
    assert not nobody.call("fallen")


def test_the_program_is_told_what_happened(tmp_path: Path) -> None:
    program = script(tmp_path / "call", 'echo "$ATTUNE_HELP $1" >> "$2"')
    helper = summons(help_command=[program, "Anna; rm -rf /", str(tmp_path / "calls")])
    assert helper.call("fallen")
    assert (tmp_path / "calls").read_text("utf-8") == "fallen Anna; rm -rf /\n"


@pytest.mark.parametrize("text", ["exit 3", "kill -9 $$"])
def test_a_program_that_fails_has_reached_nobody(text: str, tmp_path: Path) -> None:
    assert not summons(help_command=[script(tmp_path / "call", text)]).call("fallen")


def test_a_program_that_is_missing_has_reached_nobody(tmp_path: Path) -> None:
    assert not summons(help_command=[str(tmp_path / "none")]).call("fallen")


def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.1)
    assert not summons(help_command=[script(tmp_path / "call", "sleep 60")]).call("fallen")


def test_an_address_in_the_local_network_gets_the_reason_and_nothing_else() -> None:
    with serving() as house:
        assert summons(help_webhook=house.address).call("fire")
    [(path, body)] = house.got
    assert (path, json.loads(body)) == ("/help", {"help": "fire"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 500])
def test_a_server_that_refuses_or_sends_elsewhere_has_reached_nobody(status: int) -> None:
    with serving(status) as house:
        assert not summons(help_webhook=house.address).call("fire")
    assert [path for path, _ in house.got] == ["/help"]


@pytest.mark.parametrize(
    "address",
    ["http://8.8.8.8/", "http://[2001:4860:4860::8888]/", "http://no-such-host.invalid/",
     "http://127.0.0.1:1/", "http://[::ffff:8.8.8.8]/"],
)  # fmt: skip
def test_nothing_leaves_the_house(address: str) -> None:
    assert not summons(help_webhook=address).call("fire")


def test_a_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, serving() as house:
        monkeypatch.setenv("http_proxy", proxy.address)
        monkeypatch.delenv("no_proxy", raising=False)
        assert summons(help_webhook=house.address).call("fire")
    assert (len(proxy.got), len(house.got)) == (0, 1)


def test_one_of_two_ways_is_enough(tmp_path: Path) -> None:
    with serving(500) as house:
        program = script(tmp_path / "call", "true")
        assert summons(help_command=[program], help_webhook=house.address).call("fire")
        program = script(tmp_path / "call", "false")
        assert not summons(help_command=[program], help_webhook=house.address).call("fire")
    assert len(house.got) == 2


def test_nobody_is_called_twice_within_a_minute_unless_nobody_was_reached() -> None:
    clock = [0.0]
    with serving(500) as house:
        settings = HouseholdSettings.model_validate({"help_webhook": house.address})
        helper = Summons(settings, lambda: clock[0])
        assert not helper.call("fallen")
        house.status = 200
        assert [helper.call("fallen") for _ in range(3)] == [True] * 3
        assert len(house.got) == 2
        clock[0] = AGAIN_S
        assert helper.call("fallen")
        assert len(house.got) == 3


@pytest.mark.parametrize(
    ("host", "is_near"),
    [
        ("192.168.1.20", True),
        ("::ffff:192.168.1.20", True),
        ("fd00::20", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),  # which is the same
        ("2001:4860:4860::8888", False),
    ],
)
def test_an_address_in_another_guise_is_what_it_is(host: str, is_near: bool) -> None:  # noqa: FBT001
    assert module.is_local(host) is is_near
