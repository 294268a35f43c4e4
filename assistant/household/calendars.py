"""Appointments from ``.ics`` files, which other programs write and which are read anew."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import icalendar
import recurring_ical_events  # pyright: ignore[reportMissingTypeStubs]

_LARGEST = 8 << 20
"""Most bytes of a file; a calendar of many years has less."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment."""

    starts_at: datetime  # aware, in the zone of the device
    has_time: bool  # False: the whole day
    text: str


class Calendars:
    """The appointments in files and folders.

    Args:
        paths: ``.ics`` files, or folders of them; missing ones are empty.
        note: shows a person which file cannot be read, once for each version of it.
    """

    def __init__(self, paths: Iterable[Path], note: Callable[[str], None] = lambda _: None) -> None:
        self._paths = tuple(paths)
        self._note = note
        self._lock = threading.Lock()  # the answering thread is not the only one that asks
        self._read: dict[Path, tuple[tuple[int, int], icalendar.Calendar | None]] = {}

    def between(self, since: datetime, until: datetime) -> list[Appointment]:
        """Appointments that begin in this time, or last the whole of a day of it, in order."""
        with self._lock:
            found = [each for file in self._files() for each in self._of(file, since, until)]
        return sorted(set(found), key=lambda each: (each.starts_at, each.has_time, each.text))

    def on(self, day: date, zone: tzinfo | None) -> list[Appointment]:
        """Appointments of one day."""
        start = datetime.combine(day, datetime.min.time(), zone)
        return self.between(start, datetime.combine(day + timedelta(days=1), start.time(), zone))

    def _of(self, file: Path, since: datetime, until: datetime) -> Iterator[Appointment]:
        calendar = self._calendar(file)
        if calendar is None:
            return
        for event in self._events(file, calendar, since, until):
            start: Any = event.get("DTSTART").dt
            text = " ".join(str(event.get("SUMMARY", "")).split())
            has_time = isinstance(start, datetime)
            if not has_time:
                start = datetime.combine(start, datetime.min.time(), since.tzinfo)
            elif start.tzinfo is None:
                start = start.replace(tzinfo=since.tzinfo)
            start = start.astimezone(since.tzinfo)
            cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
            if text and not cancelled and (since <= start < until or not has_time):
                yield Appointment(start, has_time, text)

    def _events(
        self, file: Path, calendar: icalendar.Calendar, since: datetime, until: datetime
    ) -> list[Any]:
        """Every time of every event; those that cannot be understood are left out from then on."""
        try:
            return _times(calendar.subcomponents, since, until)
        except Exception as error:  # noqa: BLE001 - whatever another program has written
            self._note(f"Some appointments in {file} cannot be understood ({error!r}).")
        series: defaultdict[str, list[Any]] = defaultdict(list)
        for each in calendar.subcomponents:
            series[str(each.get("UID"))].append(each)
        found: list[Any] = []
        calendar.subcomponents = []
        for parts in series.values():
            with suppress(Exception):
                found += _times(parts, since, until)
                calendar.subcomponents += parts
        return found

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir():
                yield from sorted(path.glob("*.ics"))
            elif path.is_file():
                yield path

    def _calendar(self, file: Path) -> icalendar.Calendar | None:
        """The file's calendar, read again only if the file has changed."""
        try:
            status = file.stat()
        except OSError:  # deleted since it was listed
            return None
        mark = status.st_mtime_ns, status.st_size
        known = self._read.get(file)
        if known is None or known[0] != mark:
            known = self._read[file] = mark, self._parsed(file, status.st_size)
        return known[1]

    def _parsed(self, file: Path, size: int) -> icalendar.Calendar | None:
        if size > _LARGEST:
            self._note(f"The calendar {file} is too large, so its appointments are left out.")
            return None
        try:
            return icalendar.Calendar.from_ical(file.read_bytes())
        except (OSError, ValueError) as error:
            self._note(f"The calendar {file} cannot be read ({error}). Export it anew as .ics.")
            return None


def _times(parts: Iterable[Any], since: datetime, until: datetime) -> list[Any]:
    """Every time of these events and their repetitions."""
    calendar = icalendar.Calendar()
    calendar.subcomponents = list(parts)
    repeated: Any = recurring_ical_events
    return list(repeated.of(calendar).between(since, until))
