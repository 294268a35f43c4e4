"""What travels over the control socket: newline-delimited JSON-RPC 2.0.

A client sends one ``Call`` per line and gets one ``Answer`` per line; after the method ``events``
it gets a ``Notice`` for everything that happens, until it disconnects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from assistant.personalise.training.events import Event, to_line

PROTOCOL = 2
"""Sent in every status; raised when an older client would misunderstand."""

ASK_S = 60.0
"""Longest wait for the answer to a question."""

MAX_LOG = 100
"""Most exchanges in one answer."""

Number = int | str | None
"""Links an answer to its call; ``None`` if the call could not be read."""

Record: TypeAlias = dict[str, Any]
"""An exchange, a bridge or something kept as JSON values, as every ``--json`` output has them."""


class Code(IntEnum):
    """Kinds of problems, as JSON-RPC numbers them."""

    BROKEN = -32700  # not JSON
    INVALID = -32600  # not a call
    UNKNOWN = -32601  # no such method
    PARAMS = -32602
    REFUSED = -32000
    BUSY = -32001
    INTERNAL = -32603  # a fault of the daemon's own


class Message(BaseModel):
    """One line, validated strictly: extra fields are refused."""

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
    """An event of a training, a finished exchange, or a change of the microphone's state."""

    # a loss may be NaN, and the time left infinite
    model_config = ConfigDict(ser_json_inf_nan="constants")

    jsonrpc: Literal["2.0"] = "2.0"
    method: Literal["event", "turn", "state"]
    params: dict[str, JsonValue]


MicrophoneCondition = Literal["listening", "absent", "muted", "waiting"]
"""The microphone's state; waiting: it is being opened."""


class MicrophoneState(BaseModel):
    """The microphone's state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: MicrophoneCondition
    why: str | None = None  # one sentence, if it is absent
    level_dbfs: float | None = None
    speech: bool = False  # somebody is speaking


class Exchange(BaseModel):
    """One exchange in short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    heard: str | None  # what was understood or typed
    reply: str | None
    route: str | None
    timings_ms: dict[str, float | None] = Field(default_factory=dict[str, float | None])
    at: datetime  # timezone-aware


class Status(BaseModel):
    """What only the running daemon knows; the rest is in the journal and in the bridges' folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: int = PROTOCOL
    pid: int
    version: str | None = None  # of the package
    uptime_s: float = 0.0
    microphone: MicrophoneState | None = None  # None: it does not use one
    speaking: bool = False
    turns: int = 0  # since the daemon started
    recent: tuple[Exchange, ...] = ()  # the last five, oldest first
    memory_mb: float | None = None  # of the daemon's process
    celsius: float | None = None
    warnings: tuple[str, ...] = ()  # current problems, one sentence each
    bridge: str | None  # version in use; None: only the transcript route
    state: Literal["off", "waiting", "training", "judging", "paused"]
    waits: tuple[str, ...] = ()  # what the next training is waiting for, in words
    progress: float | None = None  # of the current stage, 0 to 1
    seconds_left: float | None = None  # of the training steps
    last_event: dict[str, JsonValue] | None = None  # of the current training
    last_verdict: dict[str, JsonValue] | None = None  # since the daemon started
    failures: int = 0  # of trainings, in a row
    last_failure: str | None = None
    paused_after_ms: float | None = (
        None  # from the capture of speech until the trainer stopped, last time
    )


def result(number: Number, value: object) -> str:
    """The line that answers a call with JSON values."""
    answer = Answer.model_validate({"jsonrpc": "2.0", "id": number, "result": value})
    return answer.model_dump_json(exclude_unset=True)


def problem(number: Number, code: Code, message: str) -> str:
    """The line that answers a call with an error."""
    error = Problem(code=code.value, message=message)
    return Answer(jsonrpc="2.0", id=number, error=error).model_dump_json(exclude_unset=True)


def notice(method: Literal["event", "turn", "state"], params: Mapping[str, object]) -> str:
    """The line that reports something, as JSON values."""
    return Notice.model_validate({"method": method, "params": params}).model_dump_json()


def as_json(event: Event) -> dict[str, JsonValue]:
    """An event as JSON values."""
    return json.loads(to_line(event))
