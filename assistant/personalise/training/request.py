"""What a training is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EXAMPLES = "examples_at_last_training"
"""Name under which the journal stores how many examples the last training had."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a training starts from, and its time limit."""

    start: Literal["current", "base", "scratch"] = "current"
    minutes: float | None = None  # None: personalise.max_minutes
