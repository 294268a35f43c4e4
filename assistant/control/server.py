"""Answers clients at the control socket.

Every client has a thread of its own and limited resources: one that is slow, silent, too large or
malformed gets an error or is dropped, and does not delay the others.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.control.address import identity, listening, made, may_ask, peer
from assistant.control.allowance import Allowance
from assistant.control.calls import Caller, answer
from assistant.control.declaring import RefusalError
from assistant.control.messages import (
    Code,
    Happening,
    MicrophoneCondition,
    Record,
    as_json,
    notice,
    problem,
)
from assistant.control.methods import Methods
from assistant.control.talk_button import HeldButton
from assistant.errors import ControlError
from assistant.personalise.training.events import Event

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

MAX_CLIENTS = 16

MAX_LINE = 1 << 16
"""Longest line in bytes that a client may send."""

READ_S = 10.0
"""Time in which a client has to send a line."""

LOOK_S = 2.0
"""How often it is checked that the socket can still be found."""

WRITE_S = 5.0
"""Time in which a client has to receive one."""

CLOSE_S = 1.0
"""Time in which clients have to disconnect at the end."""

BACKLOG = 256
"""How many events a client may lag behind before it is dropped."""

MAX_REFUSALS = 500
"""Refused calls after which a client is dropped."""

_BUSY = problem(None, Code.BUSY, "Too many calls. Send them more slowly.")

_POLL_S = 0.25  # how soon a following client is noticed to have disconnected
_BLOCK = 4_096


class Server:
    """Answers clients within ``with``.

    Entering it occupies the socket; clients wait until ``serve`` is called.

    Args:
        path: the socket.
        group: whose members may also use it.
        read_s: time in which a client has to send a line.
        max_clients: how many may be connected at once.

    Raises:
        ControlError: on entering, if Attune is already running or the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        group: str | None = None,
        read_s: float = READ_S,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self._path = path
        self._group = group
        self._read_s = read_s
        self._max_clients = max_clients
        self._guard = threading.Lock()
        self._clients: dict[socket.socket, _Client] = {}  # the oldest first
        self._followers: dict[socket.socket, queue.Queue[str]] = {}
        self._closing = False
        self._accepting: threading.Thread | None = None
        self._owned = ExitStack()

    def __enter__(self) -> Self:
        self._listener = self._owned.enter_context(listening(self._path, self._group))
        self._is_at = identity(self._path)
        # shutting a listening socket down does not end a wait for it that has a time limit
        self._waker, self._woken = map(self._owned.enter_context, socket.socketpair())
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing = True
        with suppress(OSError):  # closed before
            self._waker.send(b"\0")
        if self._accepting is not None:
            self._accepting.join()
        self._owned.close()
        with self._guard:
            clients = dict(self._clients)
        for connection in clients:
            _hang_up(connection)
        deadline = time.monotonic() + CLOSE_S
        for client in clients.values():
            client.thread.join(max(0.0, deadline - time.monotonic()))

    def serve(self, daemon: Methods) -> None:
        """Start answering clients, each in its own thread; to be called once."""
        button = HeldButton(partial(daemon.talk, down=True), partial(daemon.talk, down=False))
        self._accepting = threading.Thread(
            target=self._accept, args=(daemon, button), name="control", daemon=True
        )
        self._accepting.start()

    def publish(self, event: Event) -> None:
        """Send a training's event to every following client, without waiting."""
        self._send_to_followers(notice("event", as_json(event)))

    def publish_turn(self, record: Record) -> None:
        """Send a finished exchange in the same way."""
        self._send_to_followers(notice("turn", record))

    def publish_state(self, microphone: MicrophoneCondition, why: str | None = None) -> None:
        """Send a change of the microphone's state, and in a sentence why it is absent."""
        self._send_to_followers(notice("state", {"microphone": microphone, "why": why}))

    def publish_happening(self, happening: Happening) -> None:
        """Send something that has happened in the household."""
        self._send_to_followers(notice("happening", happening.model_dump(mode="json")))

    def _send_to_followers(self, line: str) -> None:
        with self._guard:
            for connection, lines in self._followers.items():
                try:
                    lines.put_nowait(line)
                except queue.Full:  # noqa: PERF203 - the exception
                    _hang_up(connection)

    def _accept(self, daemon: Methods, button: HeldButton) -> None:
        while not self._closing:
            ready = wait((self._listener, self._woken), LOOK_S)
            if self._listener not in ready:
                self._come_back()
                continue
            try:
                self._listener.settimeout(0)  # who knocked may be gone
                connection, _ = self._listener.accept()
                connection.settimeout(None)
            except OSError:
                time.sleep(0.05)  # out of file descriptors, perhaps for a moment only
                continue
            who = Caller(daemon, button, is_guest=_is_guest(peer(connection)[0]))
            if not self._take(connection, who):
                connection.settimeout(0)  # this client is not worth waiting for
                with connection, suppress(OSError):
                    busy = problem(None, Code.BUSY, "Too many clients. Try again in a moment.")
                    connection.sendall(busy.encode() + b"\n")

    def _come_back(self) -> None:
        """Make the socket anew if somebody has deleted it, so that clients find it."""
        if identity(self._path) == self._is_at or self._closing:
            return
        with suppress(ControlError):  # then at the next look
            self._listener = self._owned.enter_context(made(self._path, self._group))
            self._is_at = identity(self._path)

    def _take(self, connection: socket.socket, who: Caller) -> bool:
        """Start a thread for a client; returns whether there was room for it."""
        with self._guard:
            user = peer(connection)[0]
            others = [c for c, client in self._clients.items() if client.user == user]
            if _is_guest(user) and len(others) >= max(1, self._max_clients // 2):
                return False
            if len(self._clients) >= self._max_clients and not self._drop_a_silent_one():
                return False
            thread = threading.Thread(
                target=self._attend, args=(connection, who), name="client", daemon=True
            )
            self._clients[connection] = _Client(thread, user)
            try:
                thread.start()
            except RuntimeError:  # no more threads: the same as no room
                del self._clients[connection]
                return False
            return True

    def _drop_a_silent_one(self) -> bool:
        """Make room: who has asked nothing yet cannot keep others from asking."""
        for connection, client in self._clients.items():
            if client.is_silent:
                _hang_up(connection)
                del self._clients[connection]
                return True
        return False

    def _attend(self, connection: socket.socket, who: Caller) -> None:
        try:
            # whatever goes wrong with a connection ends only this one
            with connection, suppress(OSError):
                if may_ask(connection, self._path):
                    self._answer(connection, who)
                else:
                    why = "You are not allowed to ask this Attune."
                    _send(connection, problem(None, Code.REFUSED, why))
        finally:
            with self._guard:
                self._clients.pop(connection, None)
            with suppress(RefusalError):
                who.talk(down=False)

    def _answer(self, connection: socket.socket, who: Caller) -> None:
        allowance, refusals = Allowance(), 0
        try:
            for line in _lines(connection, self._read_s):
                with self._guard:
                    if (client := self._clients.get(connection)) is not None:
                        client.is_silent = False
                if not allowance.take(time.monotonic()):
                    _send(connection, _BUSY)
                    refusals += 1
                    if refusals >= MAX_REFUSALS:
                        return
                    continue
                reply = answer(line, who)
                if reply.follows:
                    self._follow(connection, reply.line)
                    return
                _send(connection, reply.line)
        except _TooLongError:
            why = f"A line is longer than {MAX_LINE} bytes."
            _send(connection, problem(None, Code.INVALID, why))

    def _follow(self, connection: socket.socket, answer: str) -> None:
        lines: queue.Queue[str] = queue.Queue(BACKLOG)
        with self._guard:
            self._followers[connection] = lines
        try:
            _send(connection, answer)
            while not (self._closing or _has_left(connection)):
                with suppress(queue.Empty):
                    _send(connection, lines.get(timeout=_POLL_S))
        finally:
            with self._guard:
                del self._followers[connection]


@dataclass(slots=True)
class _Client:
    """Who is connected."""

    thread: threading.Thread
    user: int
    is_silent: bool = True  # has not sent a line yet


def _is_guest(user: int) -> bool:
    return user not in (0, os.geteuid())


class _TooLongError(Exception):
    """A client's line is too long."""


def _lines(connection: socket.socket, read_s: float) -> Iterator[bytes]:
    """A client's lines; ``OSError`` if one is not complete within its time."""
    held = b""
    while True:
        deadline = time.monotonic() + read_s
        while b"\n" not in held:
            if len(held) > MAX_LINE:
                raise _TooLongError
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            connection.settimeout(left)
            block = connection.recv(_BLOCK)
            if not block:
                return
            held += block
        line, _, held = held.partition(b"\n")
        yield line


def _send(connection: socket.socket, line: str) -> None:
    connection.settimeout(WRITE_S)
    connection.sendall(line.encode() + b"\n")


def _has_left(connection: socket.socket) -> bool:
    """Whether a following client has closed its end; anything it sends is discarded."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(_BLOCK)


def _hang_up(connection: socket.socket) -> None:
    """Wake the thread that waits on a socket, from any thread; it then closes the socket."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
