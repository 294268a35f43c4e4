"""What happens in a household is noticed, whoever brings it about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.config import HouseholdSettings
from assistant.control.messages import Happening
from assistant.daemon.bell import Bell
from assistant.daemon.happenings import LOOK_S, Happenings
from assistant.household.agenda import How, Kind
from assistant.household.clocks import Moment
from assistant.household.household import Household
from assistant.household.kept import Kept
from assistant.journal.store import Journal
from assistant.skills.desk import Desk

NOW = datetime(2026, 11, 29, 15, 30, tzinfo=timezone.utc)


@dataclass
class Home:
    """A household whose time a test sets."""

    journal: Journal
    now: datetime = NOW
    told: list[Happening] = field(default_factory=list[Happening])

    def __post_init__(self) -> None:
        settings = HouseholdSettings.model_validate({})
        self.household = Household.of(self.journal, settings, look=self.look)
        self.begin()

    def begin(self) -> None:
        """A process begins."""
        self.happenings = Happenings(self.household, self.told.append, self.monotonic)
        self.happen()

    def look(self) -> Moment:
        return Moment(self.now, "boot", self.monotonic())

    def monotonic(self) -> float:
        return 1_000.0 + (self.now - NOW).total_seconds()

    def happen(self, **time: float) -> list[tuple[str, tuple[int, ...], tuple[str, ...]]]:
        """Time passes; what is told of it."""
        self.now += timedelta(**time) or timedelta(seconds=LOOK_S)
        self.told.clear()
        self.happenings.look()
        return [(each.what, each.ids, each.words) for each in self.told]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Journal(tmp_path / "journal.db") as journal:
        yield Home(journal)


def test_a_timer_that_runs_out_is_told_once_and_so_is_its_end(home: Home) -> None:
    home.household.agenda.start_timer(timedelta(minutes=10), "egg", home.look())
    (item,) = home.household.agenda.items()
    assert home.happen(minutes=9) == []
    assert home.happen(minutes=2) == [("timer_due", (item.id,), ("egg",))]
    assert home.told[0].at == home.now
    assert home.happen() == []
    home.household.agenda.end(home.household.agenda.rings(), How.STOPPED, home.look())
    assert home.happen() == [("timer_stopped", (item.id,), ("egg",))]
    assert home.happen() == []


@pytest.mark.parametrize("how", [How.DONE, How.UNANSWERED, How.STOPPED])
def test_how_a_reminder_was_answered_is_told(how: How, home: Home) -> None:
    agenda = home.household.agenda
    agenda.add(Kind.REMINDER, "take the blue pill", home.now + timedelta(hours=1), home.look())
    (item,) = agenda.items()
    about = ((item.id,), ("take the blue pill",))
    assert home.happen(hours=1) == [("reminder_due", *about)]
    agenda.end(agenda.rings(), how, home.look())
    assert home.happen() == [(f"reminder_{how.value}", *about)]


def test_a_snooze_is_told_and_then_the_reminder_anew(home: Home) -> None:
    agenda = home.household.agenda
    agenda.add(Kind.REMINDER, "tea", home.now + timedelta(hours=1), home.look())
    home.happen(hours=1)
    agenda.snooze(agenda.rings(), timedelta(minutes=10), home.look())
    assert [what for what, _, _ in home.happen()] == ["reminder_snoozed"]
    assert [what for what, _, _ in home.happen(minutes=10)] == ["reminder_due"]


def test_lists_are_told_whoever_changes_them(home: Home, tmp_path: Path) -> None:
    desk = Desk(home.household)
    said = desk.answer("put milk and eggs on the shopping list")
    assert said is not None
    desk.commit(said)
    entries = home.household.lists.entries()
    ids = tuple(each.id for each in entries)
    assert home.happen() == [("list_changed", ids, ("shopping",))]
    with Journal(tmp_path / "journal.db") as other:  # a command, or the page
        Kept(other).change("lists", "done", [ids[0]])
    assert home.happen() == [("list_changed", (ids[0],), ("shopping",))]
    undone = desk.answer("undo that")
    assert undone is not None
    desk.commit(undone)
    assert [what for what, _, _ in home.happen()] == ["list_changed"]
    assert home.happen() == []


def test_a_call_for_help_is_told_at_once_though_nobody_is_set(home: Home) -> None:
    desk = Desk(home.household)
    said = desk.urgent("i have fallen")
    assert said is not None
    home.told.clear()
    assert desk.commit(said).startswith("I cannot call anyone.")
    assert [(each.what, each.words) for each in home.told] == [("help_asked", ("fallen",))]


def test_after_a_restart_what_was_told_is_not_told_again(home: Home) -> None:
    agenda = home.household.agenda
    home.household.lists.add("shopping", ["milk"], home.now)
    for name in ("said", "unsaid"):
        agenda.add(Kind.REMINDER, name, home.now + timedelta(hours=1), home.look())
    home.now += timedelta(hours=1)
    said = next(ring for ring in agenda.tick(home.look()) if ring.name == "said")
    agenda.said(said, home.look())
    home.told.clear()
    home.begin()
    assert [(each.what, each.words) for each in home.told] == [("reminder_due", ("unsaid",))]


def test_it_is_told_before_it_has_been_said(home: Home) -> None:
    order: list[str] = []
    home.happenings = Happenings(
        home.household, lambda each: order.append(each.what), home.monotonic
    )
    bell = Bell(home.household, HouseholdSettings.model_validate({}), order.append, home.monotonic)
    home.household.agenda.start_timer(timedelta(seconds=30), "", home.look())
    home.now += timedelta(seconds=31)
    home.happenings.look()
    bell.idle(quiet=True)
    assert order == ["timer_due", "The timer is over."]


def test_what_is_erased_is_not_told_as_an_end(home: Home) -> None:
    agenda = home.household.agenda
    agenda.start_timer(timedelta(minutes=1), "", home.look())
    assert len(home.happen(minutes=2)) == 1
    with home.journal.writing("test") as database:
        database["rings"].delete_where()  # pyright: ignore[reportAttributeAccessIssue]
    assert home.happen() == []
