"""Calendars that a helper has added, as files in a folder beside the journal.

Such a file comes from outside: before it is kept, a process of its own reads it, with little time
and memory, as it will be read in use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assistant import child, durable
from assistant.errors import HouseholdError

LARGEST = 1 << 20
"""Most bytes of a file; a calendar of many years has less."""

MOST_FILES = 10
MOST_ENTRIES = 5_000
"""Most entries of a file, repeated ones counted once."""

TRIAL_S = 60.0
"""Longest trial, on a machine that is very busy."""

_ENDING = ".ics"
_UNUSUAL = re.compile(r"[^\w ()+-]+")
_OFTEN = re.compile(rb"^RRULE[^\r\n]*FREQ=(SECOND|MINUTE|HOUR)LY", re.MULTILINE | re.IGNORECASE)
_ENTRY = re.compile(rb"^BEGIN:VEVENT\s*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """One that was added."""

    name: str
    entries: int  # repeated ones counted once


@dataclass(frozen=True, slots=True)
class CalendarFiles:
    """All that were added."""

    folder: Path

    @classmethod
    def beside(cls, journal: Path) -> CalendarFiles:
        """Those of the household with this journal."""
        return cls(journal.with_name("calendars"))

    def all(self) -> list[CalendarFile]:
        """What there is, by name."""
        return [
            CalendarFile(path.stem, len(_ENTRY.findall(path.read_bytes())))
            for path in self._paths()
        ]

    def add(self, name: str, data: bytes) -> CalendarFile:
        """Keep one, in the place of one of the same name.

        Args:
            name: as it was called elsewhere; only letters, digits and spaces are kept of it.
            data: what is in it.

        Raises:
            HouseholdError: also if it is no calendar, or has too much in it.
        """
        if len(data) > LARGEST:
            raise HouseholdError(
                f"The calendar is larger than {LARGEST >> 20} MB. Export fewer years of it."
            )
        name = plain(name)
        others = [path for path in self._paths() if path.stem != name]
        if len(others) >= MOST_FILES:
            raise HouseholdError(f"There are {MOST_FILES} calendars already. Remove one first.")
        entries = _tried(data)
        try:
            durable.folder(self.folder)
            durable.write(self._path(name), data)
        except OSError as error:
            raise HouseholdError(
                f"The calendar cannot be kept: {error.strerror}. Make room on the device's disk."
            ) from error
        return CalendarFile(name, entries)

    def remove(self, name: str) -> None:
        """Remove one; raises ``HouseholdError`` if there is none of this name."""
        paths = {path.stem: path for path in self._paths()}  # names, so that no path leads out
        if name not in paths:
            raise HouseholdError("There is no such calendar. Open the page anew.")
        paths[name].unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all."""
        for path in self._paths():
            path.unlink(missing_ok=True)

    def _paths(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob(f"*{_ENDING}")))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{_ENDING}"


def plain(name: str) -> str:
    """A file's name from elsewhere as one that is harmless here, without its ending."""
    last = re.split(r"[/\\]", name)[-1]
    words = _UNUSUAL.sub(" ", re.sub(r"\.ics$", "", last, flags=re.IGNORECASE)).split()
    return " ".join(words)[:60].strip() or "calendar"


def _tried(data: bytes) -> int:
    """How many entries a calendar has; ``HouseholdError`` if it cannot be used."""
    if _OFTEN.search(data):  # the trial would find out, too, but not as soon
        raise HouseholdError(
            "The calendar has an entry that comes every hour or oftener. Remove it."
        )
    try:
        order = {"calendar": data.decode()}
    except ValueError:
        raise HouseholdError("That is no calendar. Export it as an .ics file.") from None
    with closing(child.Child(child.command("assistant.household"), order)) as process:
        answer = json.loads(process.line(TRIAL_S) or "{}")
    if "entries" in answer:
        return int(answer["entries"])
    raise HouseholdError(
        answer.get("why") or "The calendar takes too long to read. Export fewer years of it."
    )
