"""Events of a running training, sent between processes as one JSON object per line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class Collected:
    """The examples have been chosen."""

    train: int
    held_out: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """The number of recordings with features so far."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """The number of training steps done."""

    step: int
    of: int
    loss: float
    held_out: float | None  # loss on the held-out examples, when last measured
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Judging:
    """The number of replies generated for the gate."""

    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's verdict on a candidate; an accepted one has been promoted."""

    version: str
    accepted: bool
    why: str
    numbers: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Nothing:
    """There was nothing to train or nothing to judge by."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The training ended with an error."""

    error: str


Event = Collected | Encoded | Stepped | Judging | Judged | Nothing | Failed

_KINDS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind
    for kind in (Collected, Encoded, Stepped, Judging, Judged, Nothing, Failed)
}


def to_line(event: Event) -> str:
    """One event as one line of JSON without a newline."""
    return json.dumps({"event": type(event).__name__.lower(), **asdict(event)})


def from_line(line: str) -> Event:
    """The event in a line; raises ``ValueError`` if there is none."""
    try:
        values = json.loads(line)
        return TypeAdapter(_KINDS[values.pop("event")]).validate_python(values)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"not an event of a training: {line!r} ({error})") from None
