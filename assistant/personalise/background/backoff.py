"""How long to wait before retrying a training that keeps failing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Failures:
    """Consecutive trainings that died or hung."""

    count: int = 0
    at: float = 0.0  # of the last one, seconds since the epoch
    why: str = ""

    def another(self, at: float, why: str) -> Failures:
        """One more failure."""
        return Failures(self.count + 1, at, why)

    def delay_s(self, retry_s: float) -> float:
        """The wait after the last failure: doubled with each one, up to a day."""
        return min(DAY_S, retry_s * 2.0 ** min(self.count - 1, 40)) if self.count else 0.0

    def left_s(self, now: float, retry_s: float) -> float:
        """The rest of the wait; setting the clock back cannot make it longer."""
        delay = self.delay_s(retry_s)
        return max(0.0, min(delay, self.at + delay - now))

    def to_text(self) -> str:
        """As stored in the journal."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str | None) -> Failures:
        """As read from the journal; anything unreadable counts as no failures."""
        try:
            found = json.loads(text or "{}")
            whole = isinstance(found, dict) and found.keys() == asdict(cls()).keys()
            return _FAILURES.validate_python(found) if whole else cls()
        except ValueError:
            return cls()


_FAILURES = TypeAdapter(Failures)
