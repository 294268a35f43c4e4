"""How hard a source is tried before Attune gives up on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard one source is tried."""

    tries: int  # failures in a row, without a byte between them, before giving up
    first_s: float  # the first wait between two tries; the next ones double
    longest_s: float  # the longest wait, even if the other side asks for more
    silence_s: float | None  # the longest silence of a connection; None: the source's default
    within_s: float  # time without a byte after which it is not tried again


FULL = Effort(tries=6, first_s=1.0, longest_s=60.0, silence_s=None, within_s=math.inf)
"""For the last source."""

SHORT = Effort(tries=2, first_s=1.0, longest_s=3.0, silence_s=5.0, within_s=8.0)
"""If there is another source, or somebody is waiting."""


@dataclass(slots=True)
class Patience:
    """Counts failures in a row, and the time since the last progress."""

    effort: Effort
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def progress(self) -> None:
        """Something arrived."""
        self._failures = 0
        self._since = self.clock()

    @property
    def is_over(self) -> bool:
        """Whether nothing has arrived for too long."""
        return self.clock() > self._since + self.effort.within_s

    def wait(self, asked_s: float | None) -> float | None:
        """Seconds to wait after a failure, ``None`` to give up; the other side may ask for some."""
        self._failures += 1
        effort = self.effort
        usual_s = min(effort.longest_s, effort.first_s * 2 ** (self._failures - 1))
        wanted_s = usual_s if asked_s is None else asked_s
        if self._failures >= effort.tries or wanted_s > effort.longest_s or self.is_over:
            return None
        return wanted_s
