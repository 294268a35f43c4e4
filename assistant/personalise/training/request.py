"""What a training is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXAMPLES = "examples_at_last_training"
"""Name under which the journal stores how many examples the last training had."""


def count_of(text: str | None) -> int:
    """A remembered count; 0 if there is none, or none that can be read."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


@dataclass(frozen=True, slots=True)
class Request:
    """What a training starts from, and its time limit."""

    start: Literal["current", "base", "scratch"] = "current"
    minutes: float | None = None  # None: personalise.max_minutes
