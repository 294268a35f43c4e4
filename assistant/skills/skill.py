"""What a skill is, and what it may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known at the moment of a question."""

    now: datetime  # timezone-aware, local
    user_name: str | None = None
    reminders: tuple[str, ...] = ()
    said_last: str | None = None  # the reply before, as it was spoken


Skill: TypeAlias = Mapping[str, Callable[[Situation], str]]
"""The whole reply to each of its requests, by the name that the templates give them."""
