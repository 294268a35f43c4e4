"""The service with a wall clock that jumps: so far ahead as the file ``CLOCK_OFFSET`` says."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path

OFFSET = Path(os.environ["CLOCK_OFFSET"])

true_time = time.time


def jumped_time() -> float:
    return true_time() + float(OFFSET.read_text(encoding="ascii"))


class Jumped(dt.datetime):
    """Tells the time by the clock that jumps."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Jumped:
        return cls.fromtimestamp(jumped_time(), tz)


time.time = jumped_time
dt.datetime = Jumped  # before anything of the service is imported

if __name__ == "__main__":
    from assistant.cli import main

    sys.exit(main())
