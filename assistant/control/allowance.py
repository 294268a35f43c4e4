"""Limits how often a client may call: a token bucket."""

from __future__ import annotations

from dataclasses import dataclass, field

AT_ONCE = 50
"""Calls that may come at once."""

PER_S = 20.0
"""Calls per second that may follow."""


@dataclass(slots=True)
class Allowance:
    """The calls that one client has left."""

    at_once: int = AT_ONCE
    per_s: float = PER_S
    _left: float = field(init=False)
    _at: float | None = field(
        default=None, init=False
    )  # when that was counted, in monotonic seconds

    def __post_init__(self) -> None:
        self._left = self.at_once

    def take(self, now: float) -> bool:
        """Count a call at a time in monotonic seconds; returns whether it is allowed."""
        if self._at is not None:
            self._left = min(self.at_once, self._left + (now - self._at) * self.per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
