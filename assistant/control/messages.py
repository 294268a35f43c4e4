"""What travels over the control socket: newline-delimited JSON-RPC 2.0.

A client sends one ``Call`` per line and gets one ``Answer`` per line; after the method ``events``
it gets a ``Notice`` for everything that a training tells, until it leaves.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from assistant.personalise.progress import Event, to_line

PROTOCOL = 1
"""Told in every status; raised when an older client would misunderstand."""

Number = int | str | None
"""By which an answer names its call; ``None`` if the call could not be read."""


class Code(IntEnum):
    """Kinds of problems, as JSON-RPC numbers them."""

    BROKEN = -32700  # no JSON
    INVALID = -32600  # no call
    UNKNOWN = -32601  # no such method
    PARAMS = -32602
    REFUSED = -32000
    BUSY = -32001


class Message(BaseModel):
    """One line: as it should be, with nothing added, or refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Call(Message):
    """What a client asks."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: int | str
    method: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Problem(Message):
    """Why there is no result."""

    code: int
    message: str


class Answer(Message):
    """A result or a problem, never both."""

    jsonrpc: Literal["2.0"]
    id: Number
    result: JsonValue = None
    error: Problem | None = None


class Notice(Message):
    """An event of a training."""

    # a loss may be no number, and a time that is left endless
    model_config = ConfigDict(ser_json_inf_nan="constants")

    jsonrpc: Literal["2.0"] = "2.0"
    method: Literal["event"] = "event"
    params: dict[str, JsonValue]


class NoParams(Message):
    """Of a method that takes none."""


class Retrain(Message):
    """Parameters of ``retrain``."""

    start: Literal["current", "base", "scratch"] = "current"
    minutes: float | None = Field(None, gt=0, allow_inf_nan=False)


class Status(BaseModel):
    """What only the running daemon knows; the rest is in the journal and in the bridges' folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: int = PROTOCOL
    pid: int
    bridge: str | None  # version in use; None: the transcript route alone
    state: Literal["off", "waiting", "training", "judging", "paused"]
    waits: tuple[str, ...] = ()  # what the next training waits for, in words
    progress: float | None = None  # of the stage under way, 0 to 1
    seconds_left: float | None = None  # of the training steps
    last_event: dict[str, JsonValue] | None = None  # of the training under way
    last_verdict: dict[str, JsonValue] | None = None  # since the daemon began
    failures: int = 0  # of trainings, in a row
    last_failure: str | None = None
    paused_after_ms: float | None = None  # from the last speech's capture to the trainer's stop


def result(number: Number, value: JsonValue) -> str:
    """The line that answers a call."""
    return Answer(jsonrpc="2.0", id=number, result=value).model_dump_json(exclude_unset=True)


def problem(number: Number, code: Code, message: str) -> str:
    """The line that answers a call for which there is no result."""
    error = Problem(code=code.value, message=message)
    return Answer(jsonrpc="2.0", id=number, error=error).model_dump_json(exclude_unset=True)


def as_json(event: Event) -> dict[str, JsonValue]:
    """An event as it travels."""
    return json.loads(to_line(event))
