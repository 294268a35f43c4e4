"""Everything that a household has asked Attune to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from assistant.config import HouseholdSettings
from assistant.household.agenda import Agenda
from assistant.household.calendar_files import CalendarFiles
from assistant.household.calendars import Calendars
from assistant.household.clocks import Moment, look
from assistant.household.lists import Lists
from assistant.household.manners import Manners
from assistant.household.notes import Notes
from assistant.household.quiet import Quiet
from assistant.household.satellite import Satellite
from assistant.household.smart_home import SmartHome
from assistant.household.summons import Summons
from assistant.journal.store import Journal

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Household:
    """Times, lists, notes and calendars, and the clocks they go by."""

    agenda: Agenda
    lists: Lists
    notes: Notes
    manners: Manners
    quiet: Quiet
    said_between: Callable[[datetime, datetime], Iterable[str]]  # by the user, oldest first
    summons: Summons | None = None
    calendars: Calendars = field(default_factory=lambda: Calendars(()))
    look: Callable[[], Moment] = look
    smart_home: SmartHome | None = None
    satellite: Satellite | None = None

    @property
    def homes(self) -> tuple[SmartHome, ...]:
        """All that takes requests."""
        return tuple(each for each in (self.smart_home, self.satellite) if each is not None)

    @classmethod
    def of(
        cls,
        journal: Journal,
        settings: HouseholdSettings | None = None,
        note: Callable[[str], None] = lambda _: None,
        look: Callable[[], Moment] = look,
        smart_home: SmartHome | None = None,
        satellite: Satellite | None = None,
    ) -> Self:
        """What is kept in a journal, beside it and in the calendars of the settings.

        Args:
            journal: holds it.
            settings: of calendars and of help.
            note: shows a person which calendar cannot be read.
            look: reads the clocks.
            smart_home: takes requests to the home, if one is set.
            satellite: takes what is said to a Home Assistant that answers it, if one does.
        """

        def said_between(since: datetime, until: datetime) -> list[str]:
            found = [
                turn.understood or ""
                for turn in journal.turns(since=since)
                if turn.started_at < until and turn.error is None
            ]
            return [text for text in reversed(found) if text]

        calendars = () if settings is None else settings.calendars
        return cls(
            Agenda(journal),
            Lists(journal),
            Notes(journal),
            Manners(journal),
            Quiet(journal),
            said_between,
            None if settings is None else Summons(settings),
            Calendars((CalendarFiles.beside(journal.path).folder, *calendars), note),
            look,
            smart_home,
            satellite,
        )
