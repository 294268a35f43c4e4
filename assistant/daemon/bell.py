"""Says what is due: timers, alarms, reminders and appointments, until they are answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta, timezone

from assistant.config import HouseholdSettings
from assistant.generate.context import spoken_time
from assistant.household.agenda import How, Kind, Ring
from assistant.household.household import Household
from assistant.skills.wording import sentence

TICK_S = 1.0
"""Time between two looks at the clock."""

GAP_S = 4.0
"""Silence between two rings of a timer or an alarm, in which "stop" can be heard."""

OLD = timedelta(minutes=10)
"""A timer or an alarm that is later than this is said once, and does not ring."""


class Bell:
    """Rings between turns, driven by the answering thread.

    Args:
        household: what may be due.
        settings: how often, and for how long.
        say: says something, and returns when it has been heard.
    """

    def __init__(
        self, household: Household, settings: HouseholdSettings, say: Callable[[str], None]
    ) -> None:
        self._household = household
        self._settings = settings
        self._say = say
        self._tick_at = 0.0  # monotonic seconds
        self._said_at: dict[int, float] = {}  # by ring, since this process began

    def idle(self, now: float, *, quiet: bool) -> None:
        """Say what is due, if nobody is speaking; called often.

        Args:
            now: monotonic seconds.
            quiet: whether nobody is speaking.

        Raises:
            AttuneError: if it cannot be read or said; the next call tries again.
        """
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_S
        agenda, moment = self._household.agenda, self._household.look()
        rings = agenda.tick(moment)
        self._said_at = {each.id: self._said_at.get(each.id, -1e9) for each in rings}
        for ring in rings:
            if self._is_over(ring, moment.now.astimezone(timezone.utc) - ring.due_at):
                agenda.end([ring], How.UNANSWERED, moment)
        if quiet:
            due = [
                ring for ring in agenda.rings() if now - self._said_at[ring.id] >= self._gap(ring)
            ]
            if due:
                self._ring(due)

    def _ring(self, rings: list[Ring]) -> None:
        moment = self._household.look()
        self._say(" ".join(sentence(self._text(each)) for each in rings))
        for ring in rings:
            self._said_at[ring.id] = time.monotonic()
            self._household.agenda.said(ring, moment)

    def _gap(self, ring: Ring) -> float:
        """Silence before it is said again."""
        return self._settings.again_minutes * 60 if ring.kind is Kind.REMINDER else GAP_S

    def _is_over(self, ring: Ring, since: timedelta) -> bool:
        """Whether it was said often enough without an answer."""
        if ring.kind is Kind.REMINDER:
            waited = time.monotonic() - self._said_at[ring.id] >= self._gap(ring)
            return ring.said >= self._settings.times and waited
        if ring.late and since > OLD:
            return ring.said > 0
        return ring.said > 0 and since > timedelta(minutes=self._settings.ring_minutes)

    def _text(self, ring: Ring) -> str:
        at = spoken_time(ring.due_at.astimezone(self._household.look().now.tzinfo))
        match ring.kind:
            case Kind.TIMER:
                named = f"the {ring.name} timer" if ring.name else "the timer"
                return f"{named} ran out at {at}" if ring.late else f"{named} is over"
            case Kind.ALARM:
                return f"your alarm was at {at}" if ring.late else f"it is {at}. This is your alarm"
            case Kind.REMINDER:
                was = f"this was due at {at}" if ring.late else f"it is {at}. A reminder"
                return f"{was}: {ring.name}"
