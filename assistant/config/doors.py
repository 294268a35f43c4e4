"""How others reach the daemon, and what it reaches."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field

from assistant.config.block import Block, HomePath, empty_is_none, one_is_several


def _runtime_dir() -> Path:
    """Where sockets go: the service's folder from systemd, the login's, else the user's data."""
    if service := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(service)
    if login := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(login) / "attune"
    return user_data_path("attune")


class ControlSettings(Block):
    """The socket through which commands reach the running daemon."""

    path: HomePath = Field(
        default_factory=lambda: _runtime_dir() / "control.sock",
        description="Unix socket",
    )
    group: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        None, description='group whose members may also use it, such as "attune"; unset: your own'
    )


class ServiceSettings(Block):
    """When a supervised daemon counts as unhealthy, so that it is restarted."""

    deaf_s: float = Field(3.0, gt=0, description="time without sound from an open microphone")
    stuck_s: float = Field(90.0, gt=0, description="time without progress on an answer")


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError('it should be an address or a network, such as "192.168.1.0/24"') from None


def _is_open(address: str) -> bool:
    """Whether other machines can reach what listens there."""
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return address != "localhost"


class WebSettings(Block):
    """The page for whoever helps ('assistant web')."""

    address: str = Field(
        "127.0.0.1",
        min_length=1,
        description="where it is served; 0.0.0.0: to everybody in the local network, encrypted",
    )
    port: int = Field(8_480, ge=1, le=65_535, description="TCP port")
    names: Annotated[tuple[str, ...], BeforeValidator(one_is_several)] = Field(
        (), description="names under which browsers ask for it, beside this machine's own"
    )
    folder: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "web",
        description="where its certificate is kept",
    )

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it."""
        return _is_open(self.address)


class WyomingSettings(Block):
    """Speech for Home Assistant and other programs ('assistant wyoming')."""

    address: str = Field(
        "127.0.0.1",
        min_length=1,
        description="where they reach it; 0.0.0.0: from the local network, unencrypted",
    )
    port: int = Field(10_300, ge=1, le=65_535, description="TCP port")
    satellite: bool = Field(
        default=False,
        description="Home Assistant answers what is said here; Attune is its microphone and voice",
    )
    satellite_port: int = Field(
        10_700, ge=1, le=65_535, description="TCP port of that, at the same address"
    )
    peers: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(one_is_several)
    ] = Field(
        (),
        description="only these addresses or networks may use it, such as 192.168.1.20; "
        "unset: everybody who can reach it at an address of a home's network",
    )
    keep: bool = Field(
        default=False, description="keep what is said to them as an example to learn from"
    )
    announce: bool = Field(
        default=False,
        description="tell the local network where it is, so that Home Assistant finds it by itself",
    )

    @property
    def is_open(self) -> bool:
        """Whether other machines can reach it."""
        return _is_open(self.address)


def _open_address(text: str | None, example: str) -> str | None:
    """An address that holds no secret: the settings file can be read by others."""
    if text is not None:
        found, scheme = urlsplit(text), urlsplit(example).scheme
        is_plain = text.isascii() and text.isprintable() and not set(text) & set(" @?#")
        is_known = found.scheme in (scheme, f"{scheme}s") and found.hostname and found.port != 0
        if not (is_plain and is_known):
            raise ValueError(f"it should look like {example}")
    return text


def _of_home_assistant(text: str | None) -> str | None:
    return _open_address(text, "http://homeassistant.local:8123")


def _of_a_broker(text: str | None) -> str | None:
    return _open_address(text, "mqtt://192.168.1.5:1883")


def _topic(text: str) -> str:
    if not text.isprintable() or set(text) & set("+#$") or not text.strip("/"):
        raise ValueError('it should be a topic such as "attune"')
    return text.strip("/")


class HomeSettings(Block):
    """What is asked of the home, and what it is told of ('assistant home')."""

    url: Annotated[
        str | None, AfterValidator(_of_home_assistant), BeforeValidator(empty_is_none)
    ] = Field(None, description="address of Home Assistant in the local network; unset: none")
    token_file: HomePath = Field(
        default_factory=lambda: user_data_path("attune") / "home" / "token",
        description="a file with a long-lived access token of Home Assistant, closed to others",
    )
    ca_file: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        None,
        description="certificates that https and mqtts are checked with; unset: the system's",
    )
    agent: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        None, description="which of its conversation agents is asked; unset: its usual one"
    )
    mqtt: Annotated[str | None, AfterValidator(_of_a_broker), BeforeValidator(empty_is_none)] = (
        Field(
            None,
            description="an MQTT broker in the local network, such as mqtt://192.168.1.5, that is "
            "told of timers, reminders, lists and calls for help; unset: none",
        )
    )
    mqtt_topic: Annotated[str, AfterValidator(_topic)] = Field(
        "attune", description="what the topics of these messages begin with"
    )
    mqtt_user: Annotated[str | None, BeforeValidator(empty_is_none)] = Field(
        None, description="as whom the broker lets Attune in"
    )
    mqtt_password_file: Annotated[HomePath | None, BeforeValidator(empty_is_none)] = Field(
        None, description="a file with the password for it, closed to others"
    )
    event_command: Annotated[tuple[str, ...], BeforeValidator(one_is_several)] = Field(
        (), description="a program, and its arguments, that is run for each of these events"
    )
    event_words: bool = Field(
        default=False, description="these events also tell names and lists, as they were said"
    )

    @property
    def tells(self) -> bool:
        """Whether anybody is told of what happens."""
        return self.mqtt is not None or bool(self.event_command)

    @property
    def is_set(self) -> bool:
        """Whether there is anything to do for 'assistant home'."""
        return self.url is not None or self.tells
