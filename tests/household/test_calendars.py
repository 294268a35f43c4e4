"""Appointments as other programs write them."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assistant.household.calendars import Calendars

BERLIN = ZoneInfo("Europe/Berlin")


def event(text: str, *lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", f"UID:{text}", f"SUMMARY:{text}", *lines, "END:VEVENT"])


def write(path: Path, *events: str) -> Path:
    text = "\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", *events, "END:VCALENDAR", ""]
    )
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


def on(calendars: Calendars, day: str) -> list[str]:
    found = calendars.on(date.fromisoformat(day), BERLIN)
    return [f"{each.starts_at:%H:%M} {each.text}" if each.has_time else each.text for each in found]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.ics"


def test_appointments_of_a_day_come_in_order(path: Path) -> None:
    write(
        path,
        event("Doctor", "DTSTART;TZID=Europe/Berlin:20261130T153000"),
        event("Peter comes", "DTSTART:20261130T083000Z"),
        event("Tomorrow", "DTSTART;TZID=Europe/Berlin:20261201T000000"),
        event("Floating", "DTSTART:20261130T120000"),
        event("Anna's birthday", "DTSTART;VALUE=DATE:20261130"),
    )
    assert on(Calendars([path]), "2026-11-30") == [
        "Anna's birthday", "09:30 Peter comes", "12:00 Floating", "15:30 Doctor",
    ]  # fmt: skip


def test_an_appointment_in_another_zone_is_told_in_ours(path: Path) -> None:
    write(path, event("Call", "DTSTART;TZID=America/New_York:20261130T200000"))
    assert on(Calendars([path]), "2026-12-01") == ["02:00 Call"]


def test_what_repeats_keeps_its_time_over_summer_time_and_leaves_out_exceptions(
    path: Path,
) -> None:
    write(
        path,
        event(
            "Choir",
            "DTSTART;TZID=Europe/Berlin:20261012T180000",
            "RRULE:FREQ=WEEKLY;COUNT=5",
            "EXDATE;TZID=Europe/Berlin:20261102T180000",
        ),
    )
    calendars = Calendars([path])
    found = calendars.between(
        datetime(2026, 10, 1, tzinfo=BERLIN), datetime(2027, 1, 1, tzinfo=BERLIN)
    )
    assert [f"{each.starts_at:%m-%d %H:%M}" for each in found] == [
        "10-12 18:00", "10-19 18:00", "10-26 18:00", "11-09 18:00",
    ]  # fmt: skip


def test_a_day_in_the_middle_of_a_holiday_has_it(path: Path) -> None:
    write(path, event("Holiday", "DTSTART;VALUE=DATE:20261129", "DTEND;VALUE=DATE:20261202"))
    calendars = Calendars([path])
    days = ("2026-11-28", "2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02")
    assert [bool(on(calendars, day)) for day in days] == [False, True, True, True, False]


def test_what_is_cancelled_or_has_no_words_is_left_out(path: Path) -> None:
    start = "DTSTART;TZID=Europe/Berlin:20261130T090000"
    write(path, event("Doctor", start, "STATUS:CANCELLED"), event("", start), event("Real", start))
    assert on(Calendars([path]), "2026-11-30") == ["09:00 Real"]


def test_a_file_that_changes_is_read_anew_and_one_that_goes_is_empty(path: Path) -> None:
    calendars = Calendars([path])
    assert on(calendars, "2026-11-30") == []
    write(path, event("Doctor", "DTSTART;VALUE=DATE:20261130"))
    assert on(calendars, "2026-11-30") == ["Doctor"]
    write(path, event("Nurse", "DTSTART;VALUE=DATE:20261130"))
    os.utime(path, ns=(1, 1))
    assert on(calendars, "2026-11-30") == ["Nurse"]
    path.unlink()
    assert on(calendars, "2026-11-30") == []


def test_a_folder_is_read_and_what_stands_in_two_files_is_told_once(tmp_path: Path) -> None:
    doctor = event("Doctor", "DTSTART;VALUE=DATE:20261130")
    write(tmp_path / "one.ics", doctor)
    write(tmp_path / "two.ics", doctor, event("Nurse", "DTSTART;VALUE=DATE:20261130"))
    (tmp_path / "notes.txt").write_text("no calendar", encoding="utf-8")
    assert on(Calendars([tmp_path]), "2026-11-30") == ["Doctor", "Nurse"]


def test_a_broken_file_is_told_once_and_the_others_are_read(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "broken.ics").write_text("BEGIN:VEVENT\nnonsense", encoding="utf-8")
    write(tmp_path / "good.ics", event("Doctor", "DTSTART;VALUE=DATE:20261130"))
    calendars = Calendars([tmp_path], told.append)
    for _ in range(3):
        assert on(calendars, "2026-11-30") == ["Doctor"]
    [note] = told
    assert note.startswith(f"The calendar {tmp_path / 'broken.ics'} cannot be read (")


@pytest.mark.parametrize(
    "lines",
    [
        ("DTSTART;VALUE=DATE:20261130", "RRULE:FREQ=WEEKLY;UNTIL=nonsense"),
        ("DTSTART:20261130T090000", "DTEND;VALUE=DATE:20261201"),
        ("DTSTART;TZID=Nowhere/None:20261130T090000",),
        ("DTSTART:nonsense",),
        ("DTEND:20261130T090000",),
        ("DTSTART:20261130T090000", "DURATION:-PT3H"),
        ("DTSTART;VALUE=DATE:20261130", "RRULE:FREQ=SECONDLY;COUNT=0"),
        ("DTSTART;VALUE=DATE:20261130", "RECURRENCE-ID:nonsense"),
    ],
)
def test_an_appointment_that_makes_no_sense_costs_only_itself(
    lines: tuple[str, ...], path: Path
) -> None:
    write(path, event("Odd", *lines), event("Doctor", "DTSTART;VALUE=DATE:20261130"))
    told: list[str] = []
    calendars = Calendars([path], told.append)
    for _ in range(2):
        assert "Doctor" in on(calendars, "2026-11-30")
    assert len(told) <= 1


def test_a_file_without_end_is_not_read(path: Path) -> None:
    told: list[str] = []
    with path.open("wb") as file:
        file.truncate(9 << 20)
    assert on(Calendars([path], told.append), "2026-11-30") == []
    assert told == [f"The calendar {path} is too large, so its appointments are left out."]


def test_what_is_between_begins_there(path: Path) -> None:
    write(
        path,
        event("Long", "DTSTART:20261130T080000", "DTEND:20261130T180000"),
        event("Late", "DTSTART:20261130T150000"),
    )
    noon = datetime(2026, 11, 30, 12, tzinfo=BERLIN)
    found = Calendars([path]).between(noon, noon + timedelta(hours=3, seconds=1))
    assert [each.text for each in found] == ["Late"]
