"""Tells a broker in the local network, by MQTT.

Each event has a connection of its own: there are few, and so nothing has to be kept alive.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.config import HomeSettings
from assistant.control.messages import Happening
from assistant.errors import ConfigError, DependencyError, HomeError
from assistant.home.network import connected, trust, unreached
from assistant.home.secrets import secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

LIMIT_S = 5.0
"""Longest that one message may take."""

PORTS = {"mqtt": 1883, "mqtts": 8883}

_LOOK_S = 0.1


class Mqtt:
    """Publishes events, each confirmed by the broker.

    Args:
        settings: where it is, and how it lets Attune in.

    Raises:
        DependencyError: if the library for it is not installed.
    """

    def __init__(self, settings: HomeSettings) -> None:
        self._settings = settings
        address = urlsplit(settings.mqtt or "")
        self._host = address.hostname or ""
        self._port = address.port or PORTS[address.scheme]
        self._is_encrypted = address.scheme == "mqtts"
        self._new = _library()

    def tell(self, happening: Happening) -> None:
        """Publish it, or raise ``HomeError``."""
        topic = f"{self._settings.mqtt_topic}/{happening.what}"
        deadline = time.monotonic() + LIMIT_S
        try:
            client = self._client(deadline)
            client.connect(self._host, self._port)
            _published(client, topic, payload(happening), deadline)
        except ConfigError as error:
            raise HomeError(str(error)) from None
        except _RefusedError as error:
            raise HomeError(
                f"The MQTT broker at {self._settings.mqtt} does not let Attune in ({error}). Look "
                "at home.mqtt_user and home.mqtt_password_file."
            ) from None
        except Exception as error:  # noqa: BLE001 - the library trusts the broker
            what = f"the MQTT broker at {self._settings.mqtt}"
            raise HomeError(unreached(what, error)) from None

    def _client(self, deadline: float) -> Client:
        context = trust(self._settings.ca_file) if self._is_encrypted else None
        client = self._new(lambda: connected(self._host, self._port, deadline, context))
        if self._settings.mqtt_user is not None:
            file = self._settings.mqtt_password_file
            password = None if file is None else secret(file, "home.mqtt_password_file")
            client.username_pw_set(self._settings.mqtt_user, password)
        return client


def payload(happening: Happening) -> bytes:
    """What is published."""
    told: dict[str, object] = {
        "event": happening.what,
        "ids": list(happening.ids),
        "at": happening.at.isoformat(),
    }
    if happening.words:
        told["words"] = list(happening.words)
    return json.dumps(told).encode()


class _RefusedError(Exception):
    """The broker does not let Attune in; says why in a few words."""


def _published(client: Client, topic: str, body: bytes, deadline: float) -> None:
    """Publish over a connection that has been made; ``OSError`` if it is not confirmed in time."""
    answers: list[ReasonCode] = []

    def answered(
        _client: Client,
        _data: Any,
        _flags: ConnectFlags,
        code: ReasonCode,
        _more: Properties | None,
    ) -> None:
        answers.append(code)

    client.on_connect = answered
    sent = None
    try:
        while time.monotonic() < deadline:
            ended = client.loop(_LOOK_S)
            if answers and answers[0].is_failure:
                raise _RefusedError(str(answers[0]))
            if answers and sent is None:
                sent = client.publish(topic, body, qos=1)
            if sent is not None and sent.is_published():
                return
            if ended:
                raise ConnectionError("it hangs up")
        raise TimeoutError("it does not answer in time")
    finally:
        client.disconnect()


def _library() -> Callable[[Callable[[], socket.socket]], Client]:
    """Makes clients that reach the broker by a function, instead of looking names up themselves.

    Raises:
        DependencyError: if it is not installed.
    """
    try:
        paho = import_module("paho.mqtt.client")  # by name, because it is optional
    except ImportError:
        raise DependencyError(
            "Messages by MQTT need the package paho-mqtt. Run: "
            f"{sys.executable} -m pip install paho-mqtt, or the installer again; or remove "
            "home.mqtt from the settings."
        ) from None

    def new(reach: Callable[[], socket.socket]) -> Client:
        def create(_client: object) -> socket.socket:
            return reach()

        led = {"_create_socket_connection": create}
        return type("Client", (paho.Client,), led)(paho.CallbackAPIVersion.VERSION2)

    return new
