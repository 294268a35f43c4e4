"""What a skill is, and what it may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a question is asked."""

    now: datetime  # timezone-aware, local
    user_name: str | None = None
    reminders: tuple[str, ...] = ()
    said_last: str | None = None  # the previous reply, as it was spoken


Skill: TypeAlias = Mapping[str, Callable[[Situation], str]]
"""The complete reply to each of its requests, by the request's name in the templates."""
