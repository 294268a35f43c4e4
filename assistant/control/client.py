"""Asks the running daemon."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from assistant.control.address import require_length
from assistant.control.messages import Answer, Call, Notice, Status
from assistant.errors import ControlError
from assistant.personalise.progress import Event, from_line

ANSWER_S = 15.0
"""Longest wait for an answer."""

_BLOCK = 4_096

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Client:
    """Asks the daemon at a socket, each call over a connection of its own."""

    path: Path
    answer_s: float = ANSWER_S  # longest wait for an answer

    def is_running(self) -> bool:
        """Whether a daemon listens.

        Raises:
            ControlError: if there is one that cannot be asked.
        """
        connection = self._connect()
        if connection is not None:
            connection.close()
        return connection is not None

    def call(self, method: str, **params: JsonValue) -> JsonValue:
        """The result of one method.

        Raises:
            ControlError: if no daemon listens, or it refuses or does not answer.
        """
        with self._connected() as connection:
            return connection.ask(method, params)

    def status(self) -> Status:
        """What the daemon tells of itself.

        Raises:
            ControlError: as ``call``.
        """
        return _read(Status, json.dumps(self.call("status")))

    @contextmanager
    def events(self, wait_s: float) -> Generator[Iterator[Event | None], None, None]:
        """What trainings tell from the moment on that the block is entered.

        Args:
            wait_s: when nothing comes for that long, ``None`` is given.

        Raises:
            ControlError: as ``call``; and from the iterator when the daemon ends.
        """
        with self._connected() as connection:
            connection.ask("events", {})
            yield connection.events(wait_s)

    @contextmanager
    def _connected(self) -> Generator[_Connection, None, None]:
        connection = self._connect()
        if connection is None:
            raise ControlError(
                f"Attune is not running: nobody listens at {self.path}. Start it with "
                "'assistant run'."
            )
        with connection:
            yield _Connection(connection, self.answer_s)

    def _connect(self) -> socket.socket | None:
        """A connection; ``None`` if nobody listens."""
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
            raise ControlError(
                f"Cannot ask Attune at {self.path}: {error.strerror}. Ask as the user that it "
                "runs as, or set control.path to its socket."
            ) from None
        return connection


@dataclass(slots=True)
class _Connection:
    """A client's end."""

    socket: socket.socket
    answer_s: float
    _held: bytes = field(default=b"", init=False)

    def ask(self, method: str, params: dict[str, JsonValue]) -> JsonValue:
        call = Call(id=1, method=method, params=params)
        # a server without room answers before it is asked, and may have hung up by now
        with suppress(OSError):
            self.socket.sendall(call.model_dump_json().encode() + b"\n")
        line = self._line(self.answer_s)
        if line is None:
            raise _silent()
        answer = _read(Answer, line)
        if answer.error is not None:
            raise ControlError(answer.error.message)
        return answer.result

    def events(self, wait_s: float) -> Iterator[Event | None]:
        while True:
            line = self._line(wait_s)
            yield None if line is None else _event(line)

    def _line(self, wait_s: float) -> bytes | None:
        """The next line; ``None`` if there is none in that time."""
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
                    "Attune has ended, or has hung up. See 'assistant status'; it starts with "
                    "'assistant run'."
                )
            self._held += block
        line, _, self._held = self._held.partition(b"\n")
        return line


def _event(line: bytes) -> Event:
    try:
        return from_line(json.dumps(_read(Notice, line).params))
    except ValueError:
        raise _another_version() from None


def _read(kind: type[_Model], line: bytes | str) -> _Model:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        raise _another_version() from None


def _silent() -> ControlError:
    return ControlError(
        "Attune runs, but does not answer. Try again in a minute; if it stays silent, stop it and "
        "start it again."
    )


def _another_version() -> ControlError:
    return ControlError(
        "The Attune that runs is of another version than this command. Stop it and start it again."
    )
