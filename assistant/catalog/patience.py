"""How long a broken connection is tried again."""

from __future__ import annotations

from dataclasses import dataclass

TRIES = 6
"""Failures in a row, without a byte between them, after which it is given up."""

FIRST_S = 1.0
LONGEST_S = 60.0
"""Waits between two tries double from the one up to the other."""


@dataclass(slots=True)
class Patience:
    """Counts failures in a row.

    Args:
        first_s: the first wait.
    """

    first_s: float = FIRST_S
    _failures: int = 0

    def progress(self) -> None:
        """Something came."""
        self._failures = 0

    def wait(self, asked_s: float | None) -> float | None:
        """Seconds to wait after a failure; ``None``: enough.

        Args:
            asked_s: what the other side asks to wait, if it does.
        """
        self._failures += 1
        if self._failures >= TRIES or (asked_s is not None and asked_s > LONGEST_S):
            return None
        if asked_s is not None:
            return asked_s
        return min(LONGEST_S, self.first_s * 2 ** (self._failures - 1))
