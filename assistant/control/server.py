"""Answers clients at the control socket.

Every client has a thread of its own and little of it: one that is slow, silent, huge or malformed
is answered in words or dropped, and holds up nobody.
"""

from __future__ import annotations

import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue, ValidationError

from assistant.control.address import listening, may_ask
from assistant.control.messages import (
    Call,
    Code,
    NoParams,
    Notice,
    Retrain,
    Status,
    as_json,
    problem,
    result,
)
from assistant.personalise.progress import Event
from assistant.personalise.request import Request

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

MAX_CLIENTS = 16

MAX_LINE = 1 << 16
"""Longest line in bytes that a client may send."""

READ_S = 10.0
"""Longest time in which a client has to send a line."""

WRITE_S = 5.0
"""Longest time in which a client has to take one."""

BACKLOG = 256
"""Events by which a client may lag behind before it is dropped."""

_POLL_S = 0.25  # how soon it is noticed that a client which follows events has left
_BLOCK = 4_096


class RefusalError(Exception):
    """The daemon does not do what it was asked; the sentence says why."""


class Handlers(Protocol):
    """What the daemon does when it is asked, in the thread of the client.

    A method that raises ``RefusalError`` refuses.
    """

    def status(self) -> Status:
        """What there is to tell."""
        ...

    def retrain(self, request: Request) -> None:
        """Train as soon as there is room."""
        ...


class Server:
    """Answers clients within ``with``.

    From entering it on the place is taken; clients wait for ``serve``.

    Args:
        path: the socket.
        read_s: longest time in which a client has to send a line.
        max_clients: how many may be connected at once.

    Raises:
        ControlError: on entering, if Attune already runs or the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_s: float = READ_S,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self._path = path
        self._read_s = read_s
        self._max_clients = max_clients
        self._guard = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._followers: dict[socket.socket, queue.Queue[str]] = {}
        self._closing = False
        self._accepting: threading.Thread | None = None
        self._owned = ExitStack()

    def __enter__(self) -> Self:
        self._listener = self._owned.enter_context(listening(self._path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        _hang_up(self._listener)
        if self._accepting is not None:
            self._accepting.join()
        self._owned.close()
        with self._guard:
            clients = dict(self._clients)
        for connection in clients:
            _hang_up(connection)
        for thread in clients.values():
            thread.join(WRITE_S)

    def serve(self, handlers: Handlers) -> None:
        """Answer clients from now on, in threads of their own; to be called once."""
        self._accepting = threading.Thread(
            target=self._accept, args=(handlers,), name="control", daemon=True
        )
        self._accepting.start()

    def publish(self, event: Event) -> None:
        """Tell an event to every client that follows, without waiting for any."""
        line = Notice(params=as_json(event)).model_dump_json()
        with self._guard:
            for connection, lines in self._followers.items():
                try:
                    lines.put_nowait(line)
                except queue.Full:  # noqa: PERF203 - the exception
                    _hang_up(connection)

    def _accept(self, handlers: Handlers) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                time.sleep(0.05)  # out of file descriptors, perhaps for a moment only
                continue
            if not self._take(connection, handlers):
                connection.settimeout(0)  # not worth waiting for
                with connection, suppress(OSError):
                    busy = problem(None, Code.BUSY, "Too many clients. Try again in a moment.")
                    connection.sendall(busy.encode() + b"\n")

    def _take(self, connection: socket.socket, handlers: Handlers) -> bool:
        """Give a client its thread; whether there was room for it."""
        with self._guard:
            if len(self._clients) >= self._max_clients:
                return False
            thread = threading.Thread(
                target=self._attend, args=(connection, handlers), name="client", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no more threads: as good as no more room
                return False
            self._clients[connection] = thread
            return True

    def _attend(self, connection: socket.socket, handlers: Handlers) -> None:
        try:
            # whatever goes wrong with a connection ends this one alone
            with connection, suppress(OSError):
                if may_ask(connection, self._path):
                    self._answer(connection, handlers)
                else:
                    why = "You are not allowed to ask this Attune."
                    _send(connection, problem(None, Code.REFUSED, why))
        finally:
            with self._guard:
                del self._clients[connection]

    def _answer(self, connection: socket.socket, handlers: Handlers) -> None:
        try:
            for line in _lines(connection, self._read_s):
                answer, follows = _reply(line, handlers)
                if follows:
                    self._follow(connection, answer)
                    return
                _send(connection, answer)
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


def _status(handlers: Handlers, params: dict[str, JsonValue]) -> JsonValue:
    NoParams.model_validate(params)
    return handlers.status().model_dump(mode="json")


def _retrain(handlers: Handlers, params: dict[str, JsonValue]) -> JsonValue:
    wanted = Retrain.model_validate(params)
    handlers.retrain(Request(wanted.start, wanted.minutes))
    return None


def _events(_handlers: Handlers, params: dict[str, JsonValue]) -> JsonValue:
    NoParams.model_validate(params)
    return None


_METHODS: dict[str, Callable[[Handlers, dict[str, JsonValue]], JsonValue]] = {
    "status": _status,
    "retrain": _retrain,
    "events": _events,
}


def _reply(line: bytes, handlers: Handlers) -> tuple[str, bool]:
    """The line to answer, and whether the client wants to hear of events from then on."""
    try:
        call = Call.model_validate_json(line)
    except ValidationError as error:
        broken = error.errors()[0]["type"] == "json_invalid"
        return problem(None, Code.BROKEN if broken else Code.INVALID, _first(error)), False
    method = _METHODS.get(call.method)
    if method is None:
        why = f"There is no method {call.method[:40]!r}; there are {', '.join(sorted(_METHODS))}."
        return problem(call.id, Code.UNKNOWN, why), False
    try:
        answer = method(handlers, call.params)
    except ValidationError as error:
        return problem(call.id, Code.PARAMS, _first(error)), False
    except RefusalError as error:
        return problem(call.id, Code.REFUSED, str(error)), False
    return result(call.id, answer), method is _events


class _TooLongError(Exception):
    """A client's line does not end."""


def _lines(connection: socket.socket, read_s: float) -> Iterator[bytes]:
    """A client's lines, each whole within the time it has; an ``OSError`` when it is not."""
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


def _first(error: ValidationError) -> str:
    """The first fault that was found, in words."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}." if place else f"{first['msg']}."


def _has_left(connection: socket.socket) -> bool:
    """Whether a client that only follows has closed its end; what it says is thrown away."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(_BLOCK)


def _hang_up(connection: socket.socket) -> None:
    """Wake whoever waits on a socket, from any thread; the waiting thread closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
