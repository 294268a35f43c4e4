"""Dialogues for training: what people say at home, and what the assistant answers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.generate.context import ContextLine

from .collected import collected, enrich
from .moments import moment
from .normalise import held_out, normalised
from .topics import TOPICS

__all__ = ["Exchange", "collected", "enrich", "exchanges", "held_out", "normalised"]

_LONGEST_USER = 14
_LONGEST_REPLY = 22


@dataclass(frozen=True, slots=True)
class Exchange:
    """One thing said, the moment it was said in, and the answer."""

    context: ContextLine
    user: str
    reply: str
    intent: str


def exchanges(rng: random.Random) -> Iterator[Exchange]:
    """Exchanges without end; the same generator state gives the same ones."""
    totals = list(itertools.accumulate(topic.weight for topic in TOPICS))
    while True:
        topic = rng.choices(TOPICS, cum_weights=totals)[0]
        context = moment(rng)
        user, slots = topic.speak(rng)
        reply = topic.answer(context, slots)
        if 2 <= len(user.split()) <= _LONGEST_USER and len(reply.split()) <= _LONGEST_REPLY:
            yield Exchange(context, user, reply, topic.intent)
