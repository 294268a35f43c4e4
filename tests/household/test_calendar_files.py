"""Calendars that a helper adds: read on trial before they are kept, and in one folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import HouseholdError
from assistant.household import calendar_files
from assistant.household.calendar_files import LARGEST, CalendarFile, CalendarFiles, plain
from tests.household.test_calendars import event, write


@pytest.fixture
def files(tmp_path: Path) -> CalendarFiles:
    return CalendarFiles.beside(tmp_path / "journal.db")


def calendar(tmp_path: Path, *events: str) -> bytes:
    return write(tmp_path / "made.ics", *events).read_bytes()


SOON = "DTSTART:20300101T100000"


def test_a_calendar_is_kept_counted_replaced_and_removed(
    files: CalendarFiles, tmp_path: Path
) -> None:
    assert files.all() == []
    two = calendar(tmp_path, event("doctor", SOON), event("hairdresser", SOON))
    assert files.add("Family.ics", two) == CalendarFile("Family", 2)
    assert files.add("Family.ics", calendar(tmp_path, event("x", SOON))).entries == 1
    files.add("Work.ics", two)
    assert files.all() == [CalendarFile("Family", 1), CalendarFile("Work", 2)]
    files.remove("Family")
    assert files.all() == [CalendarFile("Work", 2)]
    files.clear()
    assert files.all() == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Family.ics", "Family"),
        ("FAMILY.ICS", "FAMILY"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Mary's calendar.ics", "Mary s calendar"),
        ("/", "calendar"),
        ("..", "calendar"),
        (".ics", "calendar"),
        ("", "calendar"),
        ("a\0b\r\nc.ics", "a b c"),
        ("<script>alert(1)</script>.ics", "script"),
        ("Müllers Kalender.ics", "Müllers Kalender"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_name_from_elsewhere_leads_nowhere(name: str, kept: str) -> None:
    assert plain(name) == kept


NESTED = "\r\n".join(["BEGIN:VCALENDAR"] * 5_000).encode()

BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a page": b"<html><script>alert(1)</script></html>",
    "cut off": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMM",
    "nested": NESTED,
    "empty": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_calendar_is_not_kept(data: bytes, files: CalendarFiles) -> None:
    with pytest.raises(HouseholdError):
        files.add("x.ics", data)
    assert files.all() == []


HOURS, MINUTES = (",".join(map(str, range(most))) for most in (24, 60))


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=SECONDLY",
        "RRULE:WKST=MO;FREQ=hourly;INTERVAL=0",
        f"RRULE:FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={MINUTES};BYSECOND={MINUTES}",
    ],
    ids=["secondly", "hourly", "daily"],
)
def test_what_would_keep_the_device_busy_is_not_kept(
    rule: str, files: CalendarFiles, tmp_path: Path
) -> None:
    data = calendar(tmp_path, event("tick", "DTSTART:20200101T100000", rule))
    with pytest.raises(HouseholdError):
        files.add("x.ics", data)
    assert files.all() == []


def test_there_is_a_limit_to_size_entries_and_files(
    files: CalendarFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HouseholdError, match="larger than 1 MB"):
        files.add("x.ics", b" " * (LARGEST + 1))
    many = calendar(tmp_path, *(event(f"e{number}", SOON) for number in range(5_001)))
    with pytest.raises(HouseholdError, match="has 5001 entries"):
        files.add("x.ics", many)
    monkeypatch.setattr(calendar_files, "MOST_FILES", 1)
    one = calendar(tmp_path, event("doctor", SOON))
    files.add("x.ics", one)
    with pytest.raises(HouseholdError, match="There are 1 calendars already"):
        files.add("y.ics", one)
    files.add("x.ics", one)
