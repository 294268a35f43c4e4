"""How hard a source is tried before it is given up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effort:
    """What one source is worth.

    Args:
        tries: failures in a row, without a byte between them, after which it is given up.
        first_s: the first wait between two tries; the next ones double.
        longest_s: the longest wait, also where the other side asks for one.
        silence_s: the longest silence of a connection; ``None``: as is set for the source.
        within_s: the time without a byte after which it is not tried again.
    """

    tries: int
    first_s: float
    longest_s: float
    silence_s: float | None
    within_s: float


FULL = Effort(tries=6, first_s=1.0, longest_s=60.0, silence_s=None, within_s=math.inf)
"""Where there is nothing else to try."""

SHORT = Effort(tries=2, first_s=1.0, longest_s=3.0, silence_s=5.0, within_s=8.0)
"""Where there is another source, or somebody waits."""


@dataclass(slots=True)
class Patience:
    """Counts failures in a row, and the time that they take."""

    effort: Effort
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def progress(self) -> None:
        """Something came."""
        self._failures = 0
        self._since = self.clock()

    @property
    def is_over(self) -> bool:
        """Whether nothing has come for too long."""
        return self.clock() > self._since + self.effort.within_s

    def wait(self, asked_s: float | None) -> float | None:
        """Seconds to wait after a failure; ``None``: enough.

        Args:
            asked_s: what the other side asks to wait, if it does.
        """
        self._failures += 1
        effort = self.effort
        wanted = asked_s
        if wanted is None:
            wanted = min(effort.longest_s, effort.first_s * 2 ** (self._failures - 1))
        if self._failures >= effort.tries or wanted > effort.longest_s or self.is_over:
            return None
        return wanted
