"""What is said, on its way to a Home Assistant that answers it: Attune is its satellite.

It is given the sound by ``assistant wyoming``, and what it wants spoken comes back, as in
``smart_home``.
"""

from __future__ import annotations

import threading
from typing import ClassVar

from assistant.household.smart_home import HomeAnswer, HomeRequest, SmartHome

LED_S = 30.0
"""Longest that somebody waits: language models at home are slow. "Stop" ends it."""

LONGEST_REPLY = 4_000
"""Most letters of an answer that are said."""


class Satellite(SmartHome):
    """Home Assistant as the one that answers."""

    answer_s: ClassVar[float] = LED_S
    gone: ClassVar[str] = (
        "Home Assistant cannot answer what is said, because 'assistant wyoming' does not run. "
        "Start it, as a service with 'sudo systemctl enable --now attune-wyoming'."
    )

    _over = 0  # number of the last request that nobody waits for, and whose answer was heard

    def put(self, request: HomeRequest) -> None:
        """Put a request where it is taken; the one before is over."""
        with self._changed:
            super().put(request)
            self._end(request.number - 1)

    def wait(self, request: HomeRequest, cancel: threading.Event) -> HomeAnswer:
        """The answer, as in ``SmartHome``; without one there is nothing to be heard."""
        answer = super().wait(request, cancel)
        if request.answer is None:
            self._end(request.number)
        return answer

    def turn_ended(self) -> None:
        """Whatever was answered has been heard, too."""
        super().turn_ended()
        self._end(self._count)

    def is_over(self, number: int, wait_s: float) -> bool:
        """Whether a request is over, or was never put here; waits for that."""

        def is_over() -> bool:
            return self._is_closed or not self._over < number <= self._count

        with self._changed:
            self._changed.wait_for(is_over, wait_s)
            self._seen_at = self._monotonic()
            return is_over()

    def _end(self, number: int) -> None:
        with self._changed:
            self._over = max(self._over, number)
            self._changed.notify_all()
