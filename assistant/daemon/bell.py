"""Says what is due: timers, alarms, reminders and appointments, until they are answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from assistant.config import HouseholdSettings
from assistant.errors import JournalError
from assistant.household.agenda import How, Kind, Ring
from assistant.household.clocks import Moment
from assistant.household.household import Household
from assistant.skills.wording import sentence
from assistant.spoken_times import spoken_date, spoken_time

TICK_S = 1.0
"""Time between two looks at the clock."""

GAP_S = 4.0
"""Silence between two rings of a timer or an alarm, in which "stop" can be heard."""

CALENDARS_S = 30.0
"""Time between two looks at the calendars, which takes longer."""

MISSED = timedelta(hours=1)
"""An appointment that began longer ago is not mentioned any more."""

OLD = timedelta(minutes=10)
"""A timer or an alarm that is later than this is said once, and does not ring."""


@dataclass(slots=True)
class _Said:
    """How often a ring was said, also if the disk refuses to keep it; monotonic seconds."""

    times: int
    first_at: float | None = None  # by this process
    last_at: float | None = None


class Bell:
    """Rings between turns, driven by the answering thread.

    Args:
        household: what may be due.
        settings: how often, and for how long.
        say: says something, and returns when it has been heard.
        monotonic: a clock that never jumps.
    """

    def __init__(
        self,
        household: Household,
        settings: HouseholdSettings,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._household = household
        self._settings = settings
        self._say = say
        self._monotonic = monotonic
        self._tick_at = self._calendars_at = monotonic()
        self._said: dict[int, _Said] = {}  # by ring

    def idle(self, *, quiet: bool) -> None:
        """Say what is due, if nobody is speaking; called often.

        Args:
            quiet: whether nobody is speaking.

        Raises:
            AttuneError: if it cannot be read or said; the next call tries again.
        """
        now = self._monotonic()
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_S
        agenda, moment = self._household.agenda, self._household.look()
        refused: JournalError | None = None
        try:
            if now >= self._calendars_at:
                self._calendars_at = now + CALENDARS_S
                self._look_ahead(moment)
            rings = agenda.tick(moment)
        except JournalError as error:  # what rings already must still be heard
            rings, refused = agenda.rings(), error
        self._said = {each.id: self._said.get(each.id) or _Said(each.said) for each in rings}
        if self._household.quiet.until(moment.now) is not None:
            rings = [ring for ring in rings if ring.kind is not Kind.REMINDER]
        over = [ring for ring in rings if self._is_over(ring, moment.now, now)]
        due = [ring for ring in rings if ring not in over and self._is_due(ring, now)]
        with ExitStack() as kept:  # what the disk refuses is said all the same
            if over:
                kept.callback(agenda.end, over, How.UNANSWERED, moment)
            if quiet and due:
                self._ring(due)
        if refused is not None:
            raise refused

    def _look_ahead(self, moment: Moment) -> None:
        """Have the appointments that begin soon ring."""
        now = moment.now.astimezone(timezone.utc)
        ahead = timedelta(minutes=self._settings.appointment_minutes)
        found = self._household.calendars.between(
            (now - MISSED).astimezone(moment.now.tzinfo),
            (now + ahead).astimezone(moment.now.tzinfo),
        )
        self._household.agenda.announce((each for each in found if each.has_time), moment)

    def _ring(self, rings: list[Ring]) -> None:
        moment = self._household.look()
        self._say(" ".join(sentence(_text(each, moment.now)) for each in rings))
        now = self._monotonic()
        for ring in rings:
            said = self._said[ring.id]
            said.times, said.last_at = said.times + 1, now
            said.first_at = now if said.first_at is None else said.first_at
        for ring in rings:
            self._household.agenda.said(ring, moment)

    def _is_due(self, ring: Ring, now: float) -> bool:
        last_at = self._said[ring.id].last_at
        return last_at is None or now - last_at >= self._gap_s(ring)

    def _gap_s(self, ring: Ring) -> float:
        """Silence before it is said again."""
        return self._settings.again_minutes * 60 if ring.kind is Kind.REMINDER else GAP_S

    def _is_over(self, ring: Ring, wall: datetime, now: float) -> bool:
        """Whether it was said often enough without an answer."""
        said = self._said[ring.id]
        if ring.kind is Kind.REMINDER:
            return said.times >= self._settings.times and self._is_due(ring, now)
        longest = OLD if ring.late else timedelta(minutes=self._settings.ring_minutes)
        rung = timedelta(seconds=0 if said.first_at is None else now - said.first_at)
        since = wall.astimezone(timezone.utc) - ring.due_at
        return said.times > 0 and max(rung, since) > longest


def _text(ring: Ring, now: datetime) -> str:
    at = spoken_time(now)
    due = ring.due_at.astimezone(now.tzinfo)
    was = _past(due, now) if ring.late and due.astimezone(timezone.utc) < now else None
    match ring.kind:
        case Kind.TIMER:
            named = f"the {ring.name} timer" if ring.name else "the timer"
            return f"{named} is over" if was is None else f"{named} ran out {was}"
        case Kind.ALARM:
            return f"it is {at}. This is your alarm" if was is None else f"your alarm was {was}"
        case Kind.REMINDER if due.astimezone(timezone.utc) > now:  # an appointment
            return f"at {spoken_time(due)}: {ring.name}"
        case Kind.REMINDER:
            told = f"it is {at}. A reminder" if was is None else f"this was due {was}"
            return f"{told}: {ring.name}"


def _past(due: datetime, now: datetime) -> str:
    """When something was due."""
    days = (now.date() - due.date()).days
    day = "" if days == 0 else "yesterday " if days == 1 else f"on {spoken_date(due)}, "
    return f"{day}at {spoken_time(due)}"
