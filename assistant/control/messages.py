"""What travels over the control socket: newline-delimited JSON-RPC 2.0.

A client sends one ``Call`` per line and gets one ``Answer`` per line; after the method ``events``
it gets a ``Notice`` for everything that happens, until it leaves.
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
"""Exchanges that may be asked for at once."""

Number = int | str | None
"""By which an answer names its call; ``None`` if the call could not be read."""

Record: TypeAlias = dict[str, Any]
"""An exchange or a bridge as JSON values, under the names that every ``--json`` output uses."""


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
    """Something that happens: an event of a training, a finished exchange, or the microphone's."""

    # a loss may be no number, and a time that is left endless
    model_config = ConfigDict(ser_json_inf_nan="constants")

    jsonrpc: Literal["2.0"] = "2.0"
    method: Literal["event", "turn", "state"]
    params: dict[str, JsonValue]


MicrophoneCondition = Literal["listening", "absent", "muted", "waiting"]
"""What there is to hear with; waiting: the microphone is being opened."""


class MicrophoneState(BaseModel):
    """The microphone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: MicrophoneCondition
    why: str | None = None  # one sentence, while it is absent
    level_dbfs: float | None = None
    speech: bool = False  # somebody speaks


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
    microphone: MicrophoneState | None = None  # None: it does not listen to one
    speaking: bool = False
    turns: int = 0  # since the daemon began
    recent: tuple[Exchange, ...] = ()  # the last five, oldest first
    memory_mb: float | None = None  # of the daemon's process
    celsius: float | None = None
    warnings: tuple[str, ...] = ()  # troubles that stand, one sentence each
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


def result(number: Number, value: object) -> str:
    """The line that answers a call.

    Args:
        number: of the call.
        value: JSON values.
    """
    answer = Answer.model_validate({"jsonrpc": "2.0", "id": number, "result": value})
    return answer.model_dump_json(exclude_unset=True)


def problem(number: Number, code: Code, message: str) -> str:
    """The line that answers a call for which there is no result."""
    error = Problem(code=code.value, message=message)
    return Answer(jsonrpc="2.0", id=number, error=error).model_dump_json(exclude_unset=True)


def notice(method: Literal["event", "turn", "state"], params: Mapping[str, object]) -> str:
    """The line that says what happens.

    Args:
        method: what kind of thing.
        params: JSON values.
    """
    return Notice.model_validate({"method": method, "params": params}).model_dump_json()


def as_json(event: Event) -> dict[str, JsonValue]:
    """An event as it travels."""
    return json.loads(to_line(event))
