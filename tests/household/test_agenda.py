"""Timers, alarms and reminders, in simulated time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from assistant.errors import JournalError
from assistant.household.agenda import LATE, Agenda, How, Item, Kind
from assistant.journal.store import Journal
from tests.household.device import BERLIN, NEW_YORK, Device

TEN = timedelta(minutes=10)
DAILY = range(7)


def timer(agenda: Agenda, device: Device, name: str = "") -> Item:
    """One for ten minutes."""
    agenda.start_timer(TEN, name, device.moment)
    return agenda.items()[-1]


def remind(agenda: Agenda, device: Device, at: str, days: range = range(0)) -> None:
    agenda.add(Kind.REMINDER, "take the blue pill", device.local(at), device.moment, days)


def heard(agenda: Agenda, device: Device) -> list[tuple[str, bool]]:
    """When what rings now was due, as this zone says it, and whether it is late; it is done."""
    rings = agenda.tick(device.moment)
    if rings:
        agenda.end(rings, How.DONE, device.moment)
    zone = device.moment.now.tzinfo
    return [(f"{each.due_at.astimezone(zone):%m-%d %H:%M}", each.late) for each in rings]


def watched(agenda: Agenda, device: Device, until: str, every_s: float = 60) -> list[str]:
    """What rings until then, and when."""
    found: list[str] = []
    while device.wall < datetime.fromisoformat(until):
        for due, late in heard(agenda, device):
            found.append(f"{due}, late, {device.wall:%m-%d %H:%M}" if late else due)
        device.wait(seconds=every_s)
    return found


def missed(agenda: Agenda) -> int:
    past = agenda.past(datetime(1970, 1, 1, tzinfo=timezone.utc))
    return sum(each.how is How.MISSED for each in past)


@pytest.fixture
def device() -> Device:
    return Device.at("2026-11-29 07:00")


@pytest.mark.parametrize("jump", [-7_000, -3, -1, 0.1, 2, 5_000, 90_000])
def test_a_timer_lasts_as_long_as_it_was_set_whatever_becomes_of_the_clock(
    jump: float, agenda: Agenda, device: Device
) -> None:
    timer(agenda, device)
    device.wait(minutes=4)
    device.turn(hours=jump)
    assert heard(agenda, device) == []
    [item] = agenda.items()
    assert item.left(device.moment) == timedelta(minutes=6)
    device.wait(minutes=5, seconds=59)
    assert heard(agenda, device) == []
    device.wait(seconds=1)
    assert [late for _, late in heard(agenda, device)] == [False]
    device.turn(hours=-2 * jump)
    assert heard(agenda, device) == []
    assert agenda.items() == []


@pytest.mark.parametrize("zone", [NEW_YORK, "Asia/Kolkata"])
def test_a_timer_does_not_care_about_zones_and_summer_time(zone: str, agenda: Agenda) -> None:
    device = Device.at("2026-03-29 01:55")
    timer(agenda, device)
    device.wait(minutes=9)
    device.zone = zone
    assert heard(agenda, device) == []
    device.wait(minutes=1)
    assert len(heard(agenda, device)) == 1


def test_over_a_restart_a_timer_goes_by_the_clock_on_the_wall(
    agenda: Agenda, device: Device
) -> None:
    timer(agenda, device)
    device.off(minutes=8)
    assert heard(agenda, device) == []
    [item] = agenda.items()
    assert item.left(device.moment) == timedelta(minutes=2)
    device.wait(minutes=2)
    assert heard(agenda, device) == [("11-29 07:10", False)]


def test_a_clock_that_was_set_before_a_restart_does_not_shorten_a_timer(
    agenda: Agenda, device: Device
) -> None:
    timer(agenda, device)
    device.wait(minutes=1)
    device.turn(hours=3)
    agenda.tick(device.moment)
    device.off(minutes=2)
    assert heard(agenda, device) == []
    device.wait(minutes=7)
    assert len(heard(agenda, device)) == 1


def test_a_timer_that_ran_out_while_the_device_was_off_is_said_late(
    agenda: Agenda, device: Device
) -> None:
    timer(agenda, device)
    device.off(hours=5)
    assert heard(agenda, device) == [("11-29 07:10", True)]
    assert heard(agenda, device) == []


def test_a_timer_that_is_paused_stands_still(agenda: Agenda, device: Device) -> None:
    item = timer(agenda, device)
    device.wait(minutes=4)
    agenda.pause(item, device.moment)
    device.off(days=2)
    assert heard(agenda, device) == []
    [item] = agenda.items()
    assert item.left(device.moment) == timedelta(minutes=6)
    agenda.run(item, item.left(device.moment), device.moment)
    device.wait(minutes=6)
    assert len(heard(agenda, device)) == 1


def test_a_timer_gets_more_time(agenda: Agenda, device: Device) -> None:
    item = timer(agenda, device)
    device.wait(minutes=9)
    change = agenda.run(item, item.left(device.moment) + TEN, device.moment)
    device.wait(minutes=5)
    assert heard(agenda, device) == []
    agenda.undo(change)
    assert len(heard(agenda, device)) == 1


def test_items_come_in_the_order_in_which_they_are_due(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 07:05")
    timer(agenda, device, "egg")
    agenda.pause(timer(agenda, device, "tea"), device.moment)
    agenda.start_timer(timedelta(minutes=1), "short", device.moment)
    assert [each.name for each in agenda.items()] == ["short", "take the blue pill", "egg", "tea"]
    assert [each.name for each in agenda.items(Kind.TIMER)] == ["short", "egg", "tea"]


def test_a_reminder_comes_once_at_its_time(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00")
    assert watched(agenda, device, "2026-12-03 00:00") == ["11-29 08:00"]
    assert agenda.items() == []


def test_a_reminder_comes_on_its_days(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-30 08:00", range(0, 5, 2))  # Monday, Wednesday, Friday
    assert watched(agenda, device, "2026-12-08 00:00", 600) == [
        "11-30 08:00", "12-02 08:00", "12-04 08:00", "12-07 08:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day"),
    [(BERLIN, "2026-03-29"), (NEW_YORK, "2026-03-08"), (BERLIN, "2026-10-25"),
     (NEW_YORK, "2026-11-01")],
)  # fmt: skip
def test_over_a_change_of_summer_time_a_reminder_keeps_its_time_on_the_wall(
    zone: str, day: str, agenda: Agenda
) -> None:
    eve = datetime.fromisoformat(day) - timedelta(days=1)
    device = Device.at(f"{eve}", zone)
    for at in ("00:30", "08:00"):
        remind(agenda, device, f"{eve:%Y-%m-%d} {at}", DAILY)
    days = [f"{eve + timedelta(days=number):%m-%d}" for number in range(3)]
    found = watched(agenda, device, f"{eve + timedelta(days=3)}")
    assert found == [f"{each} {at}" for each in days for at in ("00:30", "08:00")]
    assert (device.boot_s - 100) % 86_400 in (3_600, 82_800)  # a day was longer or shorter


def test_a_time_that_summer_time_skips_comes_an_hour_later(agenda: Agenda) -> None:
    device = Device.at("2026-03-28 12:00")
    remind(agenda, device, "2026-03-29 02:30", DAILY)
    assert watched(agenda, device, "2026-03-31 00:00", 600) == ["03-29 03:30", "03-30 02:30"]


def test_a_time_that_comes_twice_is_said_once(agenda: Agenda) -> None:
    device = Device.at("2026-10-24 12:00")
    remind(agenda, device, "2026-10-25 02:30", DAILY)
    assert watched(agenda, device, "2026-10-27 00:00", 600) == ["10-25 02:30", "10-26 02:30"]


def test_an_alarm_follows_the_clock_into_another_zone(agenda: Agenda, device: Device) -> None:
    agenda.add(Kind.ALARM, "", device.local("2026-11-30 08:00"), device.moment, DAILY)
    device.zone = NEW_YORK
    assert watched(agenda, device, "2026-12-01 12:00") == ["11-30 08:00", "12-01 08:00"]
    device.zone = BERLIN  # it is evening there
    assert watched(agenda, device, "2026-12-02 12:00") == ["12-02 08:00"]


def test_who_flies_west_after_it_rang_is_not_woken_again(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    assert watched(agenda, device, "2026-11-29 08:10") == ["11-29 08:00"]
    device.zone = NEW_YORK  # ten past two
    assert watched(agenda, device, "2026-11-30 12:00") == ["11-30 08:00"]


def test_who_flies_east_over_a_time_hears_of_it_late(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00")
    remind(agenda, device, "2026-11-29 09:00", DAILY)
    device.zone = "Asia/Tokyo"  # three in the afternoon
    assert heard(agenda, device) == [("11-29 08:00", True), ("11-29 09:00", True)]
    assert watched(agenda, device, "2026-11-30 12:00") == ["11-30 09:00"]


def test_a_clock_that_is_set_forward_loses_nothing(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00")
    remind(agenda, device, "2026-11-29 08:30", DAILY)
    device.turn(hours=3)
    assert heard(agenda, device) == [("11-29 08:00", True), ("11-29 08:30", True)]
    device.turn(hours=-3)
    assert watched(agenda, device, "2026-11-30 09:00") == ["11-30 08:30"]


def test_a_clock_that_is_set_back_rings_nothing_twice(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    assert watched(agenda, device, "2026-11-29 08:10") == ["11-29 08:00"]
    device.turn(hours=-5)
    assert watched(agenda, device, "2026-11-30 09:00") == ["11-30 08:00"]


@pytest.mark.parametrize("days", [3, 200, 3_650, 40_000])
def test_days_that_a_wrong_clock_has_shown_are_not_lost_when_they_come(
    days: int, agenda: Agenda, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    device.turn(days=days)
    device.wait(hours=2)  # it is nine
    [(_, late)] = heard(agenda, device)
    assert late
    device.turn(days=-days)
    device.wait(hours=-2)
    found = watched(agenda, device, "2026-12-05 09:00", 600)
    expected = [f"11-{day} 08:00" for day in (29, 30)] + [f"12-0{day} 08:00" for day in range(1, 6)]
    said = f"12-0{days - 1} 08:00" if days == 3 else None  # it has been said, when it was not yet
    assert found == [each for each in expected if each != said]
    assert missed(agenda) <= 31


def test_a_clock_that_starts_in_another_century_invents_nothing(
    agenda: Agenda, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    remind(agenda, device, "2026-11-29 10:00", DAILY)
    assert watched(agenda, device, "2026-11-29 09:00") == ["11-29 08:00"]
    now = device.shows
    device.off()
    device.shows = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert heard(agenda, device) == []
    device.shows = now
    assert heard(agenda, device) == []
    assert missed(agenda) == 0
    assert watched(agenda, device, "2026-11-30 09:00") == ["11-29 10:00", "11-30 08:00"]


def test_what_came_while_the_device_was_off_is_said_once_and_late(
    agenda: Agenda, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 08:00")
    remind(agenda, device, "2026-11-29 09:00", DAILY)
    device.off(days=5, hours=1)
    assert heard(agenda, device) == [("11-29 08:00", True), ("12-03 09:00", True)]
    past = agenda.past(datetime(2026, 1, 1, tzinfo=timezone.utc))
    logged = [(f"{each.due_at:%m-%d}", each.how) for each in past if each.how is not How.DONE]
    assert logged == [(day, How.MISSED) for day in ("11-29", "11-30", "12-01", "12-02")]
    assert watched(agenda, device, "2026-12-04 12:00") == ["12-04 09:00"]


def test_yesterday_s_is_not_said_with_today_s(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    device.until("2026-11-29 08:00")
    [first] = agenda.tick(device.moment)
    agenda.said(first, device.moment)
    device.wait(days=1)
    [second] = agenda.tick(device.moment)
    assert (second.due_at - first.due_at, second.late) == (timedelta(days=1), False)
    [past] = agenda.past(first.due_at)
    assert (past.id, past.how, past.said) == (first.id, How.UNANSWERED, 1)


@pytest.mark.parametrize("seconds", [LATE.total_seconds(), LATE.total_seconds() + 1])
def test_what_is_noticed_two_minutes_later_is_late(
    seconds: float, agenda: Agenda, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 07:00:01")
    device.wait(seconds=1 + seconds)
    assert heard(agenda, device) == [("11-29 07:00", seconds > LATE.total_seconds())]


def test_what_is_snoozed_rings_again_however_often(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 07:01", DAILY)
    device.wait(minutes=1)
    for _ in range(3):
        rings = agenda.tick(device.moment)
        assert [each.name for each in rings] == ["take the blue pill"]
        agenda.snooze(rings, TEN, device.moment)
        assert agenda.rings() == []
        device.wait(minutes=9)
        device.turn(hours=1)
        assert heard(agenda, device) == []
        device.turn(hours=-1)
        device.wait(minutes=1)
    assert len(heard(agenda, device)) == 1
    assert len(agenda.items()) == 1


def test_a_snooze_that_is_taken_back_lets_it_ring(agenda: Agenda, device: Device) -> None:
    remind(agenda, device, "2026-11-29 07:01")
    device.wait(minutes=1)
    rings = agenda.tick(device.moment)
    agenda.undo(agenda.snooze(rings, TEN, device.moment))
    assert agenda.tick(device.moment) == rings
    assert agenda.items() == []


def test_every_change_can_be_taken_back(agenda: Agenda, device: Device) -> None:
    item = timer(agenda, device, "egg")
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    before = agenda.items()
    tomorrow = device.local("2026-11-30 07:00")
    for act in (
        lambda: agenda.start_timer(TEN, "", device.moment),
        lambda: agenda.add(Kind.ALARM, "", tomorrow, device.moment),
        lambda: agenda.cancel([each.id for each in before]),
        lambda: agenda.pause(item, device.moment),
        lambda: agenda.run(item, timedelta(hours=1), device.moment),
    ):
        change = act()
        assert agenda.items() != before
        agenda.undo(change)
        assert agenda.items() == before
    device.wait(minutes=10)
    rings = agenda.tick(device.moment)
    agenda.undo(agenda.end(rings, How.DONE, device.moment))
    assert agenda.rings() == rings


def test_what_is_cancelled_rings_no_more_until_that_is_taken_back(
    agenda: Agenda, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 08:00", DAILY)
    timer(agenda, device, "egg")
    device.wait(hours=1)
    both = agenda.tick(device.moment)
    change = agenda.cancel([item.id for item in agenda.items()])
    assert [each.name for each in agenda.tick(device.moment)] == ["egg"]
    agenda.undo(change)
    assert agenda.tick(device.moment) == both


def test_another_connection_sees_and_rings_the_same(
    agenda: Agenda, journal: Journal, device: Device
) -> None:
    timer(agenda, device, "egg")
    device.wait(minutes=10)
    with Journal(journal.path) as second:
        rings = Agenda(second).tick(device.moment)
        assert agenda.tick(device.moment) == rings
        assert len(rings) == 1


def test_when_nothing_is_due_nothing_is_written(
    agenda: Agenda, journal: Journal, device: Device
) -> None:
    remind(agenda, device, "2026-11-29 08:00")
    remind(agenda, device, "2026-11-29 07:01")
    device.wait(minutes=1)
    assert len(heard(agenda, device)) == 1
    device.zone = NEW_YORK
    agenda.tick(device.moment)
    before = journal.database.conn.total_changes
    device.wait(minutes=1)
    assert agenda.tick(device.moment) == []
    assert journal.database.conn.total_changes == before


def test_what_ended_stays_silent_though_the_disk_refuses_and_is_kept_later(
    agenda: Agenda, journal: Journal, device: Device
) -> None:
    timer(agenda, device)
    device.wait(minutes=10)
    rings = agenda.tick(device.moment)
    journal.database.conn.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        agenda.end(rings, How.STOPPED, device.moment)
    assert agenda.tick(device.moment) == agenda.rings() == []
    assert agenda.past(rings[0].due_at) == []
    journal.database.conn.execute("PRAGMA query_only = OFF")
    assert agenda.tick(device.moment) == []
    [past] = agenda.past(rings[0].due_at)
    assert past.how is How.STOPPED


def theirs(agenda: Agenda, device: Device, name: str | None = "egg", **how: float) -> None:
    """Another program has started a timer for ten minutes, or changed it."""
    runs = not how.pop("paused", False)
    length = timedelta(**how) if how else TEN
    agenda.follow_timer("their-1", length, name, device.moment, runs=runs)


def test_a_timer_of_another_program_rings_as_any_other(agenda: Agenda, device: Device) -> None:
    theirs(agenda, device)
    (item,) = agenda.items(Kind.TIMER)
    assert (item.name, item.left(device.moment), item.length_s) == ("egg", TEN, 600)
    device.wait(minutes=10)
    assert heard(agenda, device) == [("11-29 07:10", False)]
    theirs(agenda, device, None, seconds=0)  # there it is over, too
    assert heard(agenda, device) == []


def test_it_rings_once_if_it_is_over_there_first(agenda: Agenda, device: Device) -> None:
    theirs(agenda, device)
    device.wait(minutes=9.99)
    theirs(agenda, device, None, seconds=0)
    assert heard(agenda, device) == [("11-29 07:09", False)]
    device.wait(minutes=5)
    theirs(agenda, device, None, seconds=0)
    assert heard(agenda, device) == []


def test_it_is_lengthened_paused_and_goes_on_as_there(agenda: Agenda, device: Device) -> None:
    theirs(agenda, device)
    theirs(agenda, device, None, minutes=15)
    device.wait(minutes=10)
    theirs(agenda, device, None, minutes=5, paused=True)
    device.wait(hours=3)
    assert heard(agenda, device) == []
    theirs(agenda, device, None, minutes=5)
    device.wait(minutes=5)
    assert len(heard(agenda, device)) == 1


def test_it_goes_when_it_is_cancelled_there_also_while_it_rings(
    agenda: Agenda, device: Device
) -> None:
    for waits in (0, 10):
        theirs(agenda, device)
        device.wait(minutes=waits)
        agenda.tick(device.moment)
        agenda.cancel_timer("another")
        assert agenda.items() or agenda.rings()
        agenda.cancel_timer("their-1")
        assert agenda.items() == agenda.rings() == []


def test_what_is_told_of_a_timer_that_is_not_here_changes_nothing(
    agenda: Agenda, device: Device
) -> None:
    theirs(agenda, device, None, minutes=5)
    assert agenda.items() == []
    theirs(agenda, device)
    theirs(agenda, device, "egg", minutes=3)  # told twice
    (item,) = agenda.items()
    assert item.left(device.moment) == timedelta(minutes=3)
    agenda.cancel([item.id])  # by somebody here
    theirs(agenda, device, None, seconds=0)
    assert heard(agenda, device) == []
