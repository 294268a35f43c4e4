"""Waits for what another thread or process is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 60.0
"""Longest wait of a test that would otherwise never end."""


LONG_S = 300.0
"""The same for what takes a while where others work, too."""


def until(holds: Callable[[], object], wait_s: float = WAIT_S) -> None:
    """Wait until something is the case."""
    deadline = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
