"""Reads a calendar from outside on trial: JSON on standard input, and an answer as JSON."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar

from assistant import child
from assistant.household.calendar_files import MOST_ENTRIES
from assistant.household.calendars import Calendars

PROCESSOR_S = 8
MEMORY = 1 << 30
"""Bytes of address space."""

A_LOOK_S = 0.5
"""Longest look at one day, in seconds of the processor: it is done again and again."""

DAYS, MOST_IN_DAYS = 14, 500
"""How many appointments there may be in how many days."""


def main() -> int:
    """Read the calendar that standard input holds."""
    order, answer = child.serve()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    answer(tried(order["calendar"]))
    return 0


def tried(text: str) -> dict[str, object]:
    """How many entries there are, or why it cannot be used."""
    try:
        calendar: Any = icalendar.Calendar.from_ical(text)  # whose types are not all told
        entries = len(calendar.walk("VEVENT"))
    except ValueError:
        return {"why": "That is no calendar. Export it as an .ics file."}
    if not 0 < entries <= MOST_ENTRIES:
        return {
            "why": f"The calendar has {entries or 'no'} entries; it may have {MOST_ENTRIES}. "
            "Export other years of it."
        }
    notes: list[str] = []
    with tempfile.NamedTemporaryFile(suffix=".ics") as file:
        file.write(text.encode())
        file.flush()
        calendars = Calendars([Path(file.name)], notes.append)
        now = datetime.now().astimezone()
        found = calendars.between(now, now + timedelta(days=DAYS))
        began = time.process_time()
        calendars.between(now, now + timedelta(days=1))
        took_s = time.process_time() - began
    if len(found) > MOST_IN_DAYS or took_s > A_LOOK_S:
        return {"why": "There is too much in the calendar. Export fewer of its entries."}
    if notes:
        return {"why": "Not all of the calendar can be understood. Export it anew as an .ics file."}
    return {"entries": entries}


if __name__ == "__main__":
    sys.exit(main())
