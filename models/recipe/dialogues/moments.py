"""Random moments of life: the contexts in which the exchanges happen."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from assistant.generate.context import ContextLine

from .grammar import fill, turned
from .lexicon import values

_START = datetime(2024, 1, 1)  # noqa: DTZ001 - the time on the wall
_DAYS = 365 * 12
_REMINDERS = (
    "{errand}", "{errand}", "{errand}", "{errand}", "take the {colour} pill",
    "take the {colour} tablet", "call {name}", "visit {name}", "see {meeting}", "buy {food}",
    "drink {drink}", "water the {plant}", "{cooking}", "{name} is coming", "ask {name} for {food}",
)  # fmt: skip


def moment(rng: random.Random) -> ContextLine:
    """A minute of some day, mostly a waking hour, with or without name and reminders."""
    hour = rng.randrange(7, 22) if rng.random() < 0.85 else rng.randrange(24)
    now = _START + timedelta(days=rng.randrange(_DAYS), hours=hour, minutes=_minute(rng))
    name = rng.choice(values("name")) if rng.random() < 0.7 else None
    reminders = tuple(_reminder(rng) for _ in range(rng.choice((0, 0, 0, 1, 1, 2))))
    return ContextLine(now, name, tuple(dict.fromkeys(reminders)))


def _minute(rng: random.Random) -> int:
    return rng.randrange(0, 60, 5) if rng.random() < 0.4 else rng.randrange(60)


def _reminder(rng: random.Random) -> str:
    template = rng.choice(_REMINDERS)
    slots = {name: rng.choice(values(name)) for name in ("name", "meeting", "colour", "food")}
    slots |= {name: rng.choice(values(name)) for name in ("errand", "plant", "drink", "cooking")}
    text = fill(template, slots)
    return turned(text) if rng.random() < 0.5 else text
