"""All topics together."""

from __future__ import annotations

from . import (
    clock,
    companion,
    feelings,
    home,
    limits,
    manners,
    outdoors,
    people,
    table,
    turn_taking,
    unclear,
)
from .grammar import Topic

_PARTS = (
    *(manners, clock, table, people, outdoors, feelings),
    *(home, companion, turn_taking, limits, unclear),
)

TOPICS: tuple[Topic, ...] = tuple(topic for part in _PARTS for topic in part.TOPICS)
