"""What a household keeps, and what can be done to it, as commands name them."""

from __future__ import annotations

from typing import Literal, TypeAlias

Noun: TypeAlias = Literal["timers", "alarms", "reminders", "lists", "notes"]

Act: TypeAlias = Literal["remove", "done", "stop", "pause", "resume"]

ACTS: dict[Noun, tuple[Act, ...]] = {
    "timers": ("remove", "stop", "pause", "resume"),
    "alarms": ("remove", "stop"),
    "reminders": ("remove", "done"),
    "lists": ("remove", "done"),
    "notes": ("remove",),
}
"""What can be done to which; "stop" silences what rings, "done" also ticks entries off a list."""
