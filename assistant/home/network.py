"""Connections to the local network, and nowhere else."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from assistant.errors import ConfigError, reason
from assistant.household.summons import is_local


def connected(
    host: str, port: int, deadline: float, trusting: ssl.SSLContext | None = None
) -> socket.socket:
    """A connection to one of the addresses of a host, encrypted if it has to be.

    They are looked up once, and what is connected to is what was checked: a name that leads
    elsewhere a moment later leads nowhere.

    Args:
        host: its name or address.
        port: TCP port.
        deadline: monotonic seconds; it is given up then.
        trusting: what its certificate is checked with; ``None``: not encrypted.

    Raises:
        OSError: if it is not in the local network, does not answer in time, or is not trusted.
    """
    plain = _connected(host, port, deadline)
    if trusting is None:
        return plain
    encrypted = trusting.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        with given_up(encrypted, deadline):
            encrypted.do_handshake()
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Checks certificates with those in a file, or with the system's.

    Raises:
        ConfigError: if they cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(
            f"Cannot use the certificates in {ca_file}: {reason(error)}. Change home.ca_file."
        ) from None


def unreached(what: str, error: Exception) -> str:
    """A sentence that says why something could not be connected to."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {what} is not trusted ({error.verify_message}). Set home.ca_file "
            "to the one that it was made with."
        )
    return f"Cannot reach {what}: {reason(error)}. Look whether it runs."


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not all(is_local(str(address[0])) for *_, address in found):
        raise OSError("it is not in the local network")
    error: OSError | None = None
    for family, kind, protocol, _, address in found:
        if (left := deadline - time.monotonic()) <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(left)
        try:
            connection.connect(address)
        except OSError as failed:
            connection.close()
            error = failed
        else:
            return connection
    raise error or TimeoutError("it does not answer in time")


@contextmanager
def given_up(connection: socket.socket, deadline: float) -> Generator[None, None, None]:
    """Within the block a connection is shut down at a time, however slowly the other end sends.

    A time limit of the socket's own begins anew with every byte.

    Raises:
        TimeoutError: at the end of the block, if it was: what came until then may be half of it.
    """
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        with suppress(OSError):  # it has just ended
            # of the socket itself: TLS would say good-bye first, and wait for an answer
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.001, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if is_late.is_set():
        raise TimeoutError("it does not answer in time")
