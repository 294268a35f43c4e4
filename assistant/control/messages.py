"""What travels over the control socket: newline-delimited JSON-RPC 2.0.

A client sends one ``Call`` per line and gets one ``Answer`` per line; after the method ``events``
it gets a ``Notice`` for everything that happens, until it disconnects.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, JsonValue

from assistant.personalise.training.events import Event, to_line
from assistant.values import EndReason, Utterance

PROTOCOL = 2
"""Sent in every status; raised when an older client would misunderstand."""

ASK_S = 60.0
"""Longest wait for the answer to a question."""

MAX_LOG = 100
"""Most exchanges in one answer."""

MAX_SOUND = 60_000
"""Longest piece of a recording in one call, in letters of base 64: it has to fit into a line."""

MAX_PIECE = 1 << 18
"""Most bytes of a file in one answer."""

EXPECTED = r"[^<>|\x00-\x1f\x7f]{1,40}"
"""A word or name that may be expected in speech; none looks like a recogniser's own signs."""

MOST_EXPECTED = 64
"""Most of them."""

MAX_SENTENCE = 400
"""Longest sentence that is synthesised in one call."""

MAX_PLAYED_S = 60.0
"""Longest sound that is heard here; what follows is not."""

NAME = 40
"""Longest name of a helper's device."""

Role: TypeAlias = Literal["helper", "reader"]
"""What somebody may do from elsewhere: everything, or only see what was said."""

MAX_ERASED = 4_000
"""Most exchanges that one call erases: their numbers have to fit into a line."""

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


class Part(BaseModel):
    """Part of a message; like those, it is built when first used, for a client uses few."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Message(BaseModel):
    """One line, validated strictly: extra fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Call(Message):
    """What a client asks."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: int | str
    method: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    by: Annotated[str, Field(min_length=1, max_length=NAME)] | None = None  # which helper asks it


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


NoticeKind = Literal["event", "turn", "state", "happening"]
"""An event of a training, a finished exchange, a change of the microphone's state, or something
that has happened in the household."""


class Notice(Message):
    """Something that clients are told."""

    # a loss may be NaN, and the time left infinite
    model_config = ConfigDict(ser_json_inf_nan="constants")

    jsonrpc: Literal["2.0"] = "2.0"
    method: NoticeKind
    params: dict[str, JsonValue]


MicrophoneCondition = Literal["listening", "absent", "muted", "waiting"]
"""The microphone's state; waiting: it is being opened."""


class MicrophoneState(Part):
    """The microphone's state."""

    state: MicrophoneCondition
    why: str | None = None  # one sentence, if it is absent, or open and gives no sound
    since_s: float | None = None  # for how long it has been in this state
    spoken_s: float | None = None  # since somebody last spoke; None: nobody has
    button: bool = False  # it is heard only while the talk button is held
    level_dbfs: float | None = None
    speech: bool = False  # somebody is speaking


class LoudspeakerState(Part):
    """The loudspeaker's state."""

    why: str | None = None  # one sentence, if it does not work
    since_s: float | None = None  # for how long it has not worked
    folder: str | None = None  # where replies are written instead
    quiet_until: datetime | None = None  # nothing is said unasked until then; timezone-aware


class Exchange(Part):
    """One exchange in short."""

    id: int
    heard: str | None  # what was understood or typed
    reply: str | None
    route: str | None
    timings_ms: dict[str, float | None] = Field(default_factory=dict[str, float | None])
    at: datetime  # timezone-aware


class Helper(Part):
    """A device from which somebody helps."""

    id: int
    name: str
    role: Role
    paired_at: float  # seconds since the epoch
    seen_at: float


class Wish(Part):
    """Something that the home is asked for."""

    number: int
    words: str
    language: str  # a code such as "en"
    left_s: float  # how long somebody waits for the answer


class Spoken(Part):
    """Something that was said to a Home Assistant that answers it."""

    number: int
    pcm: Base64Bytes  # mono, 16 kHz, 16 bits, little-endian
    left_s: float  # how long somebody waits for the answer


TimerAct: TypeAlias = Literal["started", "updated", "paused", "cancelled", "finished"]
"""What has become of a timer of another program."""


class Happening(Part):
    """Something that has happened in the household."""

    what: Annotated[str, Field(pattern="^[a-z_]{1,40}$")]  # such as "reminder_due"
    ids: tuple[int, ...] = ()  # of timers, alarms, reminders or entries
    words: tuple[str, ...] = ()  # their names; or the list's, or why help was asked for
    at: datetime  # timezone-aware


class Stored(Part):
    """What is kept of what was said."""

    exchanges: int
    taught: int  # corrected, confirmed or read aloud
    since: datetime | None  # of the oldest exchange; timezone-aware
    n_bytes: int  # of the journal
    free_bytes: int  # left on its disk


Task: TypeAlias = Literal["checks", "backup", "restore"]
"""What takes longer than an answer may; one is done at a time."""


class Work(Part):
    """How a task goes, or how it went the last time."""

    task: Task
    running: bool
    began_at: datetime  # timezone-aware
    why: str | None = None  # one sentence, if it failed
    n_bytes: int | None = None  # of a backup that waits to be fetched


class Finding(Part):
    """What a check of the device found."""

    check: str
    level: Literal["ok", "warn", "fail"]
    text: str  # unless all is well with what helps


class Dictated(Part):
    """What another program's user has said."""

    text: str  # as the chosen route reads it; empty: nothing was understood
    confidence: float


class Sound(Part):
    """A sentence as it is spoken."""

    rate: int  # samples per second
    pcm: Base64Bytes  # mono, 16 bits, little-endian


class Abilities(Part):
    """What Attune hears, thinks and speaks with, for programs that offer it to people."""

    recogniser: str
    is_whisper: bool
    hears: tuple[str, ...]  # codes of languages
    model: str
    engine: str  # of the voice
    voice: str
    speaks: str  # such as "en-gb"


class Lesson(Part):
    """A sentence that was read aloud."""

    flac: Base64Bytes  # mono 16 kHz
    started_at: datetime  # timezone-aware
    end_reason: EndReason
    voiced_s: float | None
    fault: str | None = None  # why it should be said again, if its text was known

    @classmethod
    def of(cls, heard: Utterance, fault: str | None = None) -> Lesson:
        """What travels of an utterance."""
        from assistant.journal import flac  # noqa: PLC0415 - 'status' does without soundfile

        return cls(
            flac=base64.b64encode(flac.encode(heard.samples)),
            started_at=heard.started_at,
            end_reason=heard.end_reason,
            voiced_s=heard.voiced_s,
            fault=fault,
        )

    def utterance(self) -> Utterance:
        """The utterance; ``ValueError`` if its sound is damaged."""
        from assistant.journal import flac  # noqa: PLC0415

        return Utterance(
            flac.decode(self.flac), self.started_at, self.end_reason, voiced_s=self.voiced_s
        )


class Status(Part):
    """What only the running daemon knows; the rest is in the journal and in the bridges' folder."""

    protocol: int = PROTOCOL
    pid: int
    version: str | None = None  # of the package
    uptime_s: float = 0.0
    microphone: MicrophoneState | None = None  # None: it does not use one
    loudspeaker: LoudspeakerState = LoudspeakerState()
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


def notice(method: NoticeKind, params: Mapping[str, object]) -> str:
    """The line that reports something, as JSON values."""
    return Notice.model_validate({"method": method, "params": params}).model_dump_json()


def as_json(event: Event) -> dict[str, JsonValue]:
    """An event as JSON values."""
    return json.loads(to_line(event))
