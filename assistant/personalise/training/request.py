"""What a training is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Request:
    """From where a training starts, and for how long it may go on."""

    start: Literal["current", "base", "scratch"] = "current"
    minutes: float | None = None  # None: personalise.max_minutes
