"""Waits for what another thread or process is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_S = 60.0
"""Longest wait of a test that would otherwise never end."""


def until(holds: Callable[[], object]) -> None:
    """Wait until something is the case."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
