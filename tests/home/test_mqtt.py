"""A real broker is told what happens; one that is false or gone costs a sentence."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from assistant.config import HomeSettings
from assistant.errors import DependencyError, HomeError
from assistant.home import mqtt as module
from assistant.home.mqtt import Mqtt
from tests.home import brokers
from tests.home.assistant_stub import sending
from tests.home.brokers import broker, listening
from tests.home.test_events import DUE
from tests.waiting import until


def teller(url: str, **settings: object) -> Mqtt:
    return Mqtt(HomeSettings.model_validate({"mqtt": url} | settings))


def test_what_happened_is_published_and_confirmed(tmp_path: Path) -> None:
    with broker(tmp_path) as port, listening(port) as heard:
        teller(f"mqtt://localhost:{port}").tell(DUE)
        teller(f"mqtt://localhost:{port}", mqtt_topic="home/attune/").tell(
            DUE.model_copy(update={"what": "help_asked", "words": (), "ids": ()})
        )
        until(lambda: len(heard) == 2)
    (first, body), (second, without) = heard
    assert (first, second) == ("attune/reminder_due", "home/attune/help_asked")
    at = "2026-11-29T15:30:00+00:00"
    assert json.loads(body) == {
        "event": "reminder_due",
        "ids": [3, -7],
        "at": at,
        "words": ["take the blue pill"],
    }
    assert json.loads(without) == {"event": "help_asked", "ids": [], "at": at}


def test_a_broker_lets_in_who_has_the_password(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{brokers.PASSWORD}\n")
    password.chmod(0o600)
    known = {"mqtt_user": brokers.USER, "mqtt_password_file": password}
    with broker(tmp_path, locked=True) as port, listening(port, brokers.USER) as heard:
        url = f"mqtt://localhost:{port}"
        teller(url, **known).tell(DUE)
        until(lambda: heard)
        with pytest.raises(HomeError, match=r"does not let Attune in.*home\.mqtt_user"):
            teller(url).tell(DUE)
        password.write_text("another")
        with pytest.raises(HomeError, match="does not let Attune in") as told:
            teller(url, **known).tell(DUE)
        assert "another" not in str(told.value)
        password.chmod(0o644)
        with pytest.raises(HomeError, match="chmod 600"):
            teller(url, **known).tell(DUE)
    assert len(heard) == 1


def test_a_broker_s_certificate_is_checked(certificate: Path, tmp_path: Path) -> None:
    with broker(tmp_path, certificate=certificate) as port:
        with pytest.raises(HomeError, match=r"is not trusted.*home\.ca_file"):
            teller(f"mqtts://localhost:{port}").tell(DUE)
        known = {"ca_file": certificate.with_suffix(".crt")}
        teller(f"mqtts://localhost:{port}", **known).tell(DUE)
        with pytest.raises(HomeError, match="is not trusted"):
            teller(f"mqtts://127.0.0.1:{port}", **known).tell(DUE)


@pytest.mark.parametrize("host", ["8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]"])
def test_nothing_is_told_outside_of_the_home(host: str) -> None:
    with pytest.raises(HomeError) as told:
        teller(f"mqtt://{host}").tell(DUE)
    assert str(told.value) == (
        f"Cannot reach the MQTT broker at mqtt://{host}: it is not in the local network. Look "
        "whether it runs."
    )


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1:1"])
def test_a_broker_that_is_not_there_is_said(host: str) -> None:
    with pytest.raises(HomeError, match=f"^Cannot reach the MQTT broker at mqtt://{host}: "):
        teller(f"mqtt://{host}").tell(DUE)


def test_a_proxy_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with broker(tmp_path) as port, listening(port) as heard:
        teller(f"mqtt://localhost:{port}").tell(DUE)
        until(lambda: heard)


def silent(connection: socket.socket, ended: threading.Event) -> None:
    connection.recv(1 << 16)
    ended.wait(60)


def dripping(connection: socket.socket, ended: threading.Event) -> None:
    """A message that is to have 256 MB comes byte by byte."""
    connection.recv(1 << 16)
    connection.sendall(b"\x30\xff\xff\xff\x7f")
    while not ended.wait(0.02):
        connection.sendall(b"x")


def garbage(connection: socket.socket, ended: threading.Event) -> None:
    del ended
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)


def welcoming(connection: socket.socket, ended: threading.Event) -> None:
    """It lets in, and confirms nothing."""
    connection.recv(1 << 16)
    connection.sendall(b"\x20\x02\x00\x00")
    ended.wait(60)


def malformed(connection: socket.socket, ended: threading.Event) -> None:
    connection.recv(1 << 16)
    connection.sendall(b"\x20\x02\x00\x00" + b"\x30\x02\xff\xff" + b"\x90\x00" + b"\x40\x00" * 9)
    ended.wait(60)


@pytest.mark.parametrize("act", [silent, dripping, garbage, welcoming, malformed])
def test_a_false_broker_is_given_up(
    act: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del tmp_path
    monkeypatch.setattr(module, "LIMIT_S", 1.0)
    with (
        sending(act) as url,  # pyright: ignore[reportArgumentType]
        pytest.raises(HomeError, match=r"^Cannot reach the MQTT broker at mqtt://127.0.0.1"),
    ):
        teller(url.replace("http:", "mqtt:")).tell(DUE)


@pytest.mark.parametrize(
    "settings",
    [
        {"mqtt": "192.168.1.5"},
        {"mqtt": "http://192.168.1.5"},
        {"mqtt": "mqtt://user:secret@192.168.1.5"},
        {"mqtt": "mqtt://192.168.1.5", "mqtt_topic": "attune/#"},
        {"mqtt": "mqtt://192.168.1.5", "mqtt_topic": "/"},
        {"mqtt": "mqtt://192.168.1.5", "mqtt_topic": "a\0b"},
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"should|zero byte"):
        HomeSettings.model_validate(settings)


def test_a_library_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(DependencyError, match=r"pip install paho-mqtt.*home\.mqtt"):
        teller("mqtt://localhost")
