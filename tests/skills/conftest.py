"""A desk over a real journal, with clocks that a test sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from assistant.config import HouseholdSettings
from assistant.household.clocks import Moment
from assistant.household.household import Household
from assistant.journal.store import Journal
from assistant.skills.desk import Desk
from assistant.skills.skill import Said, Situation

NOW = datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc)


@dataclass
class Known:
    """What is known, and what is said to it."""

    journal: Journal
    now: datetime = NOW
    boot: str = "boot"
    boot_s: float = 1_000.0
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.desk = self.new_desk()

    def new_desk(self, **how: Any) -> Desk:
        household = HouseholdSettings.model_validate(self.settings)
        return Desk(Household.of(self.journal, household, look=self.look), **how)

    def look(self) -> Moment:
        return Moment(self.now, self.boot, self.boot_s)

    def at(self, now: datetime) -> Situation:
        return Situation(Moment(now, self.boot, self.boot_s), self.desk.household)

    def situation(self, reminders: tuple[str, ...]) -> Situation:
        """What is known now, with these reminders in the settings."""
        return Situation(self.look(), self.desk.household, reminders=reminders)

    def ask(
        self,
        words: str,
        *,
        user_name: str | None = None,
        reminders: tuple[str, ...] = (),
        said_last: str | None = None,
    ) -> str | None:
        """What is answered; nothing is done."""
        self.desk.user_name, self.desk.reminders = user_name, reminders
        if said_last is not None:
            self.desk.exchanged("", said_last)
        said = self.desk.answer(words)
        return None if said is None else said.text

    def urgent(self, words: str) -> str | None:
        """The answer to a call for help; nobody is called."""
        said = self.desk.urgent(words)
        return None if said is None else said.text

    def say(self, words: str) -> str | None:
        """What is answered, once it is done; what needs a yes gets one."""
        said = self.desk.urgent(words) or self.desk.answer(words)
        text = None if said is None else self.desk.commit(said)
        self.desk.exchanged(words, text or "")
        return text

    def said(self, words: str) -> Said:
        said = self.desk.answer(words)
        assert said is not None, words
        return said

    def wait(self, **time: float) -> None:
        """Time passes."""
        length = timedelta(**time)
        self.now = (self.now.astimezone(timezone.utc) + length).astimezone(self.now.tzinfo)
        self.boot_s += length.total_seconds()


def told(answer: Said | str | None) -> str:
    """The text of an answer."""
    return answer.text if isinstance(answer, Said) else str(answer)


@pytest.fixture
def known(tmp_path: Path) -> Iterator[Known]:
    with Journal(tmp_path / "journal.db") as journal:
        yield Known(journal)
