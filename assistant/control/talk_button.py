"""The talk button, which several clients may hold down at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


class HeldButton:
    """Reports when the first client presses it and when the last one releases it, in turn.

    Args:
        pressed: called when it goes down; if it raises, the press does not count.
        released: called when it comes up.
    """

    def __init__(self, pressed: Callable[[], None], released: Callable[[], None]) -> None:
        self._pressed = pressed
        self._released = released
        self._guard = threading.Lock()
        self._holders: set[object] = set()

    def hold(self, who: object) -> None:
        """Press it, or keep it down."""
        with self._guard:
            if not self._holders:
                self._pressed()
            self._holders.add(who)

    def release(self, who: object) -> None:
        """Release it, if this client holds it."""
        with self._guard:
            if who in self._holders:
                self._holders.remove(who)
                if not self._holders:
                    self._released()
