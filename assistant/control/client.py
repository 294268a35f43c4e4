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
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from assistant.control.address import require_length
from assistant.control.messages import ASK_S, Answer, Call, Notice, Record, Status
from assistant.errors import ControlError
from assistant.personalise.training.events import Event, from_line
from assistant.personalise.training.request import Request

ANSWER_S = 15.0
"""Longest wait for an answer."""

HOLD_S = 3.0
"""How often a client that holds the talk button down has to say so."""

_BLOCK = 65_536

_RECORD = TypeAdapter(Record)
_RECORDS = TypeAdapter(list[Record])
_TEXT = TypeAdapter(str)
_MAYBE_TEXT = TypeAdapter(str | None)

_Model = TypeVar("_Model", bound=BaseModel)
_Value = TypeVar("_Value")


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
            ControlError: as ``call``; the methods below likewise.
        """
        return _status(self.call("status"))

    @contextmanager
    def statuses(self, every_s: float) -> Generator[Iterator[Status], None, None]:
        """What the daemon tells of itself, again and again over one connection.

        Args:
            every_s: time between two answers.
        """
        with self._connected() as connection:
            yield connection.statuses(every_s)

    def retrain(self, request: Request) -> None:
        """Have it train as soon as there is room."""
        self.call("retrain", start=request.start, minutes=request.minutes)

    def ask(self, text: str, *, aloud: bool = True) -> Record:
        """Have it answer a question, and give the exchange's record."""
        waiting = Client(self.path, ASK_S + self.answer_s)
        return _checked(_RECORD, waiting.call("ask", text=text, aloud=aloud))

    def say(self, text: str) -> None:
        """Have it speak a text, without waiting for that."""
        self.call("say", text=text)

    def mute(self) -> None:
        """Have it close the microphone."""
        self.call("mute")

    def unmute(self) -> None:
        """Have it open the microphone again."""
        self.call("unmute")

    def stop(self) -> None:
        """Have it fall silent and break off its reply."""
        self.call("stop")

    def reload(self) -> None:
        """Have it read the settings anew."""
        self.call("reload")

    @contextmanager
    def talking(self) -> Generator[Callable[[], object], None, None]:
        """Within the block the talk button is down.

        What is given keeps it down and is to be called at least every ``HOLD_S``: so a client
        that is stuck does not hold it for ever.
        """
        with self._connected() as connection:
            connection.ask("talk", {"down": True})
            try:
                yield partial(connection.ask, "talk", {"down": True})
            finally:
                connection.ask("talk", {"down": False})

    def log(self, last: int) -> list[Record]:
        """The last exchanges, newest first.

        Args:
            last: how many, up to ``MAX_LOG``.
        """
        return _checked(_RECORDS, self.call("log", last=last))

    def correct(self, turn_id: int, text: str) -> None:
        """Have it note what was really said in an exchange."""
        self.call("correct", id=turn_id, text=text)

    def confirm(self, turn_id: int) -> str:
        """Have it note that an exchange was understood rightly, and give its text."""
        return _checked(_TEXT, self.call("confirm", id=turn_id))

    def bridges(self) -> list[Record]:
        """All bridges, the latest trained first."""
        return _checked(_RECORDS, self.call("bridges"))

    def promote(self, version: str | None) -> None:
        """Let a bridge answer; ``None``: the base bridge."""
        self.call("promote", version=version)

    def rollback(self) -> str | None:
        """Go back by one promotion, and give the version that answers; ``None``: the base."""
        return _checked(_MAYBE_TEXT, self.call("rollback"))

    @contextmanager
    def notices(self, wait_s: float) -> Generator[Iterator[Notice | None], None, None]:
        """Everything that happens from the moment on that the block is entered.

        Args:
            wait_s: when nothing happens for that long, ``None`` is given.

        Raises:
            ControlError: as ``call``; and from the iterator when the daemon ends.
        """
        with self._connected() as connection:
            connection.ask("events", {})
            yield connection.notices(wait_s)

    @contextmanager
    def events(self, wait_s: float) -> Generator[Iterator[Event | None], None, None]:
        """As ``notices``, but only what trainings tell."""
        with self.notices(wait_s) as notices:
            yield _of_trainings(notices, wait_s)

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
                "runs as, have yourself added to the group that control.group names, or set "
                "control.path to its socket."
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

    def statuses(self, every_s: float) -> Iterator[Status]:
        while True:
            yield _status(self.ask("status", {}))
            time.sleep(every_s)

    def notices(self, wait_s: float) -> Iterator[Notice | None]:
        while True:
            line = self._line(wait_s)
            yield None if line is None else _read(Notice, line)

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


def _of_trainings(notices: Iterator[Notice | None], wait_s: float) -> Iterator[Event | None]:
    told_at = time.monotonic()
    for notice in notices:
        if notice is not None and notice.method == "event":
            yield _event(notice)
        elif notice is None or time.monotonic() - told_at >= wait_s:
            yield None
        else:
            continue
        told_at = time.monotonic()


def _event(notice: Notice) -> Event:
    try:
        return from_line(json.dumps(notice.params))
    except ValueError:
        raise another_version() from None


def _status(value: JsonValue) -> Status:
    # JSON once more: what a daemon of another version tells is to be refused
    return _read(Status, json.dumps(value))


def _read(kind: type[_Model], line: bytes | str) -> _Model:
    try:
        return kind.model_validate_json(line)
    except ValidationError:
        raise another_version() from None


def _checked(adapter: TypeAdapter[_Value], value: JsonValue) -> _Value:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise another_version() from None


def _silent() -> ControlError:
    return ControlError(
        "Attune runs, but does not answer. Try again in a minute; if it stays silent, stop it and "
        "start it again."
    )


def another_version() -> ControlError:
    """What to say when the daemon's words make no sense."""
    return ControlError(
        "The Attune that runs is of another version than this command. Stop it and start it again."
    )
