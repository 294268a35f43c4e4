"""Asks the running daemon."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from assistant.control.address import how_to_start, require_length
from assistant.control.declaring import METHODS, Method
from assistant.control.messages import ASK_S, Answer, Call, Code, Notice, Status
from assistant.control.methods import Methods
from assistant.errors import ControlError
from assistant.personalise.training.events import Event, from_line

ANSWER_S = 15.0
"""Longest wait for an answer."""

HOLD_S = 3.0
"""How often a client has to confirm that it still holds the talk button."""

_BLOCK = 65_536

_LONG = (
    "add_calendar", "ask", "dictated", "erase", "hear", "play", "say", "synthesise", "transcribe",
)  # fmt: skip
"""What waits until whatever is being answered or said is over, or takes its time."""

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Client(Methods):
    """Asks the daemon at a socket, each call over a connection of its own.

    Every method raises ``ControlError``, as ``call`` does.
    """

    path: Path
    answer_s: float = ANSWER_S  # longest wait for an answer
    by: str | None = None  # which helper asks, for the journal

    def is_running(self) -> bool:
        """Whether a daemon is running; ``ControlError`` if it is but cannot be reached."""
        connection = self._connect()
        if connection is not None:
            connection.close()
        return connection is not None

    def call(self, method: str, **params: JsonValue) -> JsonValue:
        """The result of one method, as JSON values.

        Raises:
            ControlError: if no daemon is running, or it refuses or does not answer.
        """
        with self._connected(ASK_S if method in _LONG else 0.0) as connection:
            return connection.ask(method, params)

    def ask_daemon(self, name: str, method: Method, params: dict[str, Any]) -> Any:
        """The result of a declared method."""
        return _checked(method.result, self.call(name, **params))

    @contextmanager
    def statuses(self, every_s: float) -> Generator[Iterator[Status], None, None]:
        """The daemon's status, every so many seconds over one connection."""
        with self._connected() as connection:
            yield connection.statuses(every_s)

    @contextmanager
    def talking(self) -> Generator[Callable[[], object], None, None]:
        """Hold the talk button down within the block.

        The function it yields has to be called at least every ``HOLD_S``, so that a client that
        hangs does not hold the button forever.
        """
        with self._connected() as connection:
            connection.ask("talk", {"down": True})
            try:
                yield partial(connection.ask, "talk", {"down": True})
            finally:
                connection.ask("talk", {"down": False})

    @contextmanager
    def notices(self, wait_s: float) -> Generator[Iterator[Notice | None], None, None]:
        """Everything that happens from now on; ``None`` whenever nothing does for ``wait_s``.

        The iterator raises ``ControlError`` when the daemon ends.
        """
        with self._connected() as connection:
            connection.ask("events", {})
            yield connection.notices(wait_s)

    @contextmanager
    def events(self, wait_s: float) -> Generator[Iterator[Event | None], None, None]:
        """Like ``notices``, but only the events of trainings."""
        with self.notices(wait_s) as notices:
            yield _of_trainings(notices, wait_s)

    @contextmanager
    def _connected(self, longer_s: float = 0.0) -> Generator[_Connection, None, None]:
        connection = self._connect()
        if connection is None:
            raise ControlError(
                f"Attune is not running: nothing listens at {self.path}. Start it with "
                f"{how_to_start(self.path)}."
            )
        with connection:
            yield _Connection(connection, self.answer_s + longer_s, self.by)

    def _connect(self) -> socket.socket | None:
        """A connection; ``None`` if nothing listens."""
        require_length(self.path)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.answer_s)
        try:
            connection.connect(os.fspath(self.path))
        except OSError as error:
            connection.close()
            if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
                return None
            if isinstance(error, TimeoutError | BlockingIOError):
                raise _silent() from None
            error.filename = os.fspath(self.path)  # an error of a socket names none
            raise ControlError(
                f"Cannot reach Attune at {self.path}: {error.strerror}. Run this as the user that "
                "it runs as, join the group set in control.group, or set control.path to its "
                "socket."
            ) from error
        return connection


@dataclass(slots=True)
class _Connection:
    """The client's end of a connection."""

    socket: socket.socket
    answer_s: float
    by: str | None = None
    _held: bytes = field(default=b"", init=False)

    def ask(self, method: str, params: dict[str, JsonValue]) -> JsonValue:
        call = Call(id=1, method=method, params=params, by=self.by)
        # a server that is full answers before it is asked, and may have hung up already
        with suppress(OSError):
            self.socket.sendall(call.model_dump_json(exclude_none=True).encode() + b"\n")
        line = self._line(self.answer_s)
        if line is None:
            raise _silent()
        answer = _read(Answer, line)
        if answer.error is not None and answer.error.code == Code.UNKNOWN:
            raise another_version()
        if answer.error is not None:
            raise ControlError(answer.error.message)
        return answer.result

    def statuses(self, every_s: float) -> Iterator[Status]:
        while True:
            yield _checked(METHODS["status"].result, self.ask("status", {}))
            time.sleep(every_s)

    def notices(self, wait_s: float) -> Iterator[Notice | None]:
        while True:
            line = self._line(wait_s)
            yield None if line is None else _read(Notice, line)

    def _line(self, wait_s: float) -> bytes | None:
        """The next line; ``None`` if none comes in that time."""
        deadline = time.monotonic() + wait_s
        while b"\n" not in self._held:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                block = self.socket.recv(_BLOCK)
            except TimeoutError:
                return None
            except ConnectionError:
                block = b""
            if not block:
                raise ControlError(
                    "Attune has stopped, or closed the connection. See 'assistant status'; "
                    "'assistant run' starts it."
                )
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line


def _of_trainings(notices: Iterator[Notice | None], wait_s: float) -> Iterator[Event | None]:
    yielded_at = time.monotonic()
    for notice in notices:
        if notice is not None and notice.method == "event":
            yield _event(notice)
        elif notice is None or time.monotonic() - yielded_at >= wait_s:
            yield None
        else:
            continue
        yielded_at = time.monotonic()


def _event(notice: Notice) -> Event:
    try:
        return from_line(json.dumps(notice.params))
    except ValueError:
        raise another_version() from None


def _read(kind: type[_Model], line: bytes | str) -> _Model:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        raise another_version() from None


def _checked(result: TypeAdapter[Any], value: JsonValue) -> Any:
    # through JSON again, so that what a daemon of another version sends is refused
    try:
        return result.validate_json(json.dumps(value))
    except ValidationError:
        raise another_version() from None


def _silent() -> ControlError:
    return ControlError(
        "Attune is running, but does not answer. Try again in a minute; if that does not help, "
        "restart it."
    )


def another_version() -> ControlError:
    """The error for an answer that this version does not understand."""
    return ControlError("The running Attune has another version than this command. Restart it.")
