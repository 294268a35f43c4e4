"""A real broker, mosquitto, and somebody who listens to it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.waiting import until

USER, PASSWORD = "attune", "not for everybody"


def program(name: str) -> str:
    """Where it is; Debian keeps the broker where only root looks."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, f"{name} is not installed; 'make test' does that"
    return found


@contextmanager
def broker(folder: Path, *, locked: bool = False, certificate: Path | None = None) -> Iterator[int]:
    """The port of a broker on this machine.

    Args:
        folder: for its files.
        locked: whether it lets in only ``USER``.
        certificate: with its key in one file; then it speaks TLS.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if locked else 'true'}"]
    if os.geteuid() == 0:
        lines.append("user root")
    if certificate is not None:
        lines += [f"certfile {certificate.with_suffix('.crt')}", f"keyfile {certificate}"]
    if locked:
        passwords = folder / "passwords"
        subprocess.run(
            [program("mosquitto_passwd"), "-b", "-c", passwords, USER, PASSWORD],
            check=True,
            capture_output=True,
        )
        lines.append(f"password_file {passwords}")
    settings = folder / "mosquitto.conf"
    settings.write_text("\n".join([*lines, ""]))
    with (folder / "mosquitto.log").open("w") as log:
        process = subprocess.Popen([program("mosquitto"), "-c", settings], stdout=log, stderr=log)
        try:
            until(lambda: answers(port))
            yield port
        finally:
            process.terminate()
            process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def listening(port: int, user: str | None = None) -> Iterator[list[tuple[str, bytes]]]:
    """Topics and bodies of all messages from now on."""
    heard, subscribed = list[tuple[str, bytes]](), list[int]()
    client = Client(CallbackAPIVersion.VERSION2)
    if user is not None:
        client.username_pw_set(user, PASSWORD)

    def hear(_client: Client, _data: object, message: MQTTMessage) -> None:
        heard.append((message.topic, bytes(message.payload)))

    client.on_message = hear
    client.on_connect = lambda *_: client.subscribe("#", qos=1)  # pyright: ignore[reportAttributeAccessIssue]
    client.on_subscribe = lambda *_: subscribed.append(1)  # pyright: ignore[reportAttributeAccessIssue]
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        until(lambda: subscribed)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
