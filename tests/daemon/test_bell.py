"""The bell, in simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assistant.config import HouseholdSettings
from assistant.daemon.bell import Bell
from assistant.errors import AttuneError, DeviceError, JournalError
from assistant.household.agenda import How, Kind
from assistant.household.household import Household
from assistant.journal.store import Journal
from assistant.skills.desk import Desk
from tests.household.device import Device

SUNDAY = "Sunday, the twenty-ninth of November"


@dataclass
class Ringing:
    """A bell, its clocks, and what it says."""

    journal: Journal
    device: Device = field(default_factory=lambda: Device.at("2026-11-29 07:00"))
    monotonic: float = 5.0
    quiet: bool = True
    loud: bool = True
    said: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """The daemon starts."""
        settings = HouseholdSettings.model_validate({"calendars": [self.journal.path.parent]})
        self.household = Household.of(self.journal, settings, look=self.device.look)
        self.bell = Bell(self.household, settings, self._say, lambda: self.monotonic)
        self.desk = Desk(self.household)

    def _say(self, text: str) -> None:
        if not self.loud:
            raise DeviceError("There is no loudspeaker.")
        self.said.append(text)

    def over(self, **time: float) -> list[str]:
        """What is said while this time passes."""
        self.said.clear()
        for _ in range(round(timedelta(**time).total_seconds())):
            self.bell.idle(quiet=self.quiet)
            self.device.wait(seconds=1)
            self.monotonic += 1
        return list(self.said)

    def fails(self, _: int) -> bool:
        """Whether the next second brings an error."""
        try:
            self.over(seconds=1)
        except JournalError:
            self.device.wait(seconds=1)
            self.monotonic += 1
            return True
        return False

    def timer(self, seconds: float, name: str = "") -> None:
        agenda = self.household.agenda
        agenda.start_timer(timedelta(seconds=seconds), name, self.device.moment)

    def add(self, kind: Kind, at: str, days: range = range(0)) -> None:
        name = "take the blue pill" if kind is Kind.REMINDER else ""
        moment = self.device.moment
        self.household.agenda.add(kind, name, self.device.local(at), moment, days)

    def how(self) -> list[How | None]:
        return [each.how for each in self.household.agenda.past(datetime(2026, 1, 1).astimezone())]


@pytest.fixture
def ringing(tmp_path: Path) -> Iterator[Ringing]:
    with Journal(tmp_path / "journal.db") as journal:
        yield Ringing(journal)


def test_a_timer_rings_until_it_is_stopped(ringing: Ringing) -> None:
    ringing.timer(10, "pizza")
    assert ringing.over(seconds=10) == []
    assert ringing.over(seconds=13) == ["The pizza timer is over."] * 4
    assert ringing.desk.silence()
    assert ringing.over(minutes=30) == []
    assert ringing.how() == [How.STOPPED]


def test_a_timer_that_nobody_hears_stops_after_a_while(ringing: Ringing) -> None:
    ringing.timer(0)
    assert 100 < len(ringing.over(minutes=11)) < 160
    assert ringing.over(minutes=5) == []
    assert ringing.how() == [How.UNANSWERED]


def test_an_alarm_tells_the_time_that_it_is(ringing: Ringing) -> None:
    ringing.add(Kind.ALARM, "2026-11-29 07:01")
    said = ringing.over(minutes=4)
    assert said[0] == "It is one minute past seven in the morning. This is your alarm."
    assert said[-1] == "It is three minutes past seven in the morning. This is your alarm."


def test_a_reminder_is_said_again_until_it_is_done(ringing: Ringing) -> None:
    ringing.add(Kind.REMINDER, "2026-11-29 07:01")
    assert ringing.over(minutes=2) == [
        "It is one minute past seven in the morning. A reminder: take the blue pill."
    ]
    assert ringing.over(minutes=5) == [
        "It is six minutes past seven in the morning. A reminder: take the blue pill."
    ]
    said = ringing.desk.answer("i took it")
    assert said is not None
    assert ringing.desk.commit(said) == (
        "Good. I have written down that this is done: take the blue pill."
    )
    assert ringing.over(hours=1) == []
    assert ringing.how() == [How.DONE]


def test_a_reminder_that_nobody_answers_is_said_four_times_and_kept_as_unanswered(
    ringing: Ringing,
) -> None:
    ringing.add(Kind.REMINDER, "2026-11-29 07:01")
    assert len(ringing.over(minutes=16)) == 3
    assert not ringing.desk.silence()  # "stop" is no answer to it
    ringing.start()
    assert len(ringing.over(minutes=60)) == 1
    assert ringing.how() == [How.UNANSWERED]


def test_nothing_is_said_while_somebody_speaks(ringing: Ringing) -> None:
    ringing.timer(1)
    ringing.add(Kind.REMINDER, "2026-11-29 07:01")
    ringing.quiet = False
    assert ringing.over(minutes=4) == []
    ringing.quiet = True
    [said] = ringing.over(seconds=2)
    assert said.startswith("The timer is over. It is four minutes past seven in the morning. A rem")


@pytest.mark.parametrize(
    ("off", "kind", "told"),
    [
        ({"hours": 2}, Kind.ALARM, "Your alarm was at eight o'clock in the morning."),
        ({"hours": 2}, Kind.REMINDER, "This was due at eight o'clock in the morning: {}."),
        ({"days": 1}, Kind.REMINDER, "This was due yesterday at eight o'clock in the morning: {}."),
        (
            {"days": 3},
            Kind.REMINDER,
            f"This was due on {SUNDAY}, at eight o'clock in the morning: {{}}.",
        ),
    ],
)
def test_what_is_late_is_said_as_late_and_an_alarm_once(
    off: dict[str, float], kind: Kind, told: str, ringing: Ringing
) -> None:
    ringing.add(kind, "2026-11-29 08:00")
    ringing.device.off(**off)
    ringing.start()
    told = told.format("take the blue pill")
    assert ringing.over(minutes=4) == [told]
    later = ringing.over(minutes=30)
    assert later == [told] * (3 if kind is Kind.REMINDER else 0)


def test_a_late_timer_says_when_it_ran_out(ringing: Ringing) -> None:
    ringing.timer(60, "egg")
    ringing.device.off(minutes=4)
    ringing.start()
    said = ringing.over(minutes=20)
    assert set(said) == {"The egg timer ran out at one minute past seven in the morning."}
    assert len(said) > 50
    assert ringing.how() == [How.UNANSWERED]


def test_a_clock_that_is_set_back_does_not_let_it_ring_for_hours(ringing: Ringing) -> None:
    ringing.add(Kind.ALARM, "2026-11-29 08:00")
    ringing.device.turn(hours=1)
    assert ringing.over(seconds=1) == ["It is eight o'clock in the morning. This is your alarm."]
    ringing.device.turn(hours=-9)
    ringing.over(minutes=11)
    assert ringing.over(minutes=30) == []


def test_a_loudspeaker_that_is_missing_loses_nothing(ringing: Ringing) -> None:
    ringing.timer(1)
    ringing.loud = False
    with pytest.raises(AttuneError):
        ringing.over(seconds=3)
    ringing.loud = True
    ringing.monotonic += 10
    assert ringing.over(seconds=1) == ["The timer is over."]


def test_a_disk_that_refuses_does_not_let_it_ring_for_ever(ringing: Ringing) -> None:
    ringing.add(Kind.REMINDER, "2026-11-29 07:01")
    ringing.timer(1)
    ringing.over(seconds=2)
    ringing.journal.database.conn.execute("PRAGMA query_only = ON")
    assert ringing.desk.silence()
    failed = sum(map(ringing.fails, range(3_600)))
    assert ringing.household.agenda.rings() == []
    assert failed > 1_000
    ringing.journal.database.conn.execute("PRAGMA query_only = OFF")
    assert ringing.over(seconds=2) == [
        "This was due at one minute past seven in the morning: take the blue pill."
    ]
    assert ringing.how() == [How.STOPPED]


def test_what_cannot_be_kept_does_not_hush_what_rings(ringing: Ringing) -> None:
    ringing.timer(1, "egg")
    ringing.timer(3, "pizza")
    ringing.over(seconds=2)
    ringing.journal.database.conn.execute("PRAGMA query_only = ON")
    heard: list[str] = []
    for second in range(20):
        ringing.fails(second)
        heard += ringing.said
    assert 3 <= heard.count("The egg timer is over.") <= 5
    ringing.journal.database.conn.execute("PRAGMA query_only = OFF")
    assert "The pizza timer is over." in " ".join(ringing.over(seconds=5))


def test_after_a_restart_what_was_not_answered_is_said_again(ringing: Ringing) -> None:
    ringing.timer(1, "egg")
    assert ringing.over(seconds=3) == ["The egg timer is over."]
    ringing.start()
    assert ringing.over(seconds=1) == ["The egg timer is over."]
    ringing.desk.silence()
    ringing.start()
    assert ringing.over(minutes=1) == []


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
SUMMARY:Anna visits
DTSTART:20261129T080000
DTEND:20261129T090000
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:Market day
DTSTART;VALUE=DATE:20261129
END:VEVENT
END:VCALENDAR
"""


def test_an_appointment_is_mentioned_ahead_and_again_until_it_is_done(ringing: Ringing) -> None:
    (ringing.journal.path.parent / "own.ics").write_text(CALENDAR)
    assert ringing.over(minutes=44) == []  # from seven o'clock
    [told, again] = ringing.over(minutes=7)
    assert told == again == "At eight o'clock in the morning: Anna visits."
    ringing.start()
    assert ringing.over(seconds=40) == [told]  # after a restart it is still not answered
    said = ringing.desk.answer("done")
    assert said is not None
    ringing.desk.commit(said)
    assert ringing.over(minutes=30) == []


def test_nothing_but_timers_and_alarms_is_heard_while_quiet_is_wanted(ringing: Ringing) -> None:
    said = ringing.desk.answer("be quiet for ten minutes")
    assert said is not None
    assert ringing.desk.commit(said) == (
        "I will say nothing unasked until ten past seven in the morning. Timers and alarms still "
        "ring."
    )
    ringing.add(Kind.REMINDER, "2026-11-29 07:02")
    ringing.timer(60, "egg")
    assert set(ringing.over(minutes=5)) == {"The egg timer is over."}
    ringing.desk.silence()
    assert ringing.over(minutes=4) == []
    [told] = ringing.over(minutes=2)
    assert told.endswith("take the blue pill.")
    assert ringing.desk.answer("you can talk again") is None  # it is over
