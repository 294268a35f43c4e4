"""What the daemon does for its own upkeep when a client asks: checks, backups, taking files."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import IO

from assistant.control.declaring import RefusalError, refusing
from assistant.control.messages import Finding, Record, Work
from assistant.daemon.background import Background
from assistant.daemon.copies import Backup, put_back
from assistant.daemon.examination import Examination, subject
from assistant.daemon.helping import Helping
from assistant.daemon.uploads import Uploads
from assistant.household.calendar_files import LARGEST, CalendarFiles
from assistant.household.household import Household
from assistant.journal.backup import Places

MOST_APPOINTMENTS = 200
"""In one answer."""


class Upkeep(Helping):
    """Part of ``Controls``.

    Args:
        closed: a block in which nothing of what is stored is open.
    """

    def __init__(self, closed: Callable[[], AbstractContextManager[None]]) -> None:
        self._closed = closed
        self._background = Background()
        self._backup = Backup()
        self.examination = Examination()
        self.uploads = Uploads()

    def household(self) -> Household:
        """What the household has asked to be kept; raises as ``settings``."""
        raise NotImplementedError

    def restored(self) -> None:
        """Another journal is in use from now on."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Give up files that nobody goes on with."""
        self.uploads.tidy()
        self._backup.tidy()

    def close(self) -> None:
        """Give up all files."""
        self.uploads.close()
        self._backup.drop()

    def working(self) -> list[Work]:
        """The tasks that are under way or were done."""
        sizes = {"backup": self._backup.size()}
        return [
            each.model_copy(update={"n_bytes": sizes.get(each.task)})
            for each in self._background.tasks()
        ]

    def examine(self) -> None:
        """Begin to check every part of the device."""
        checked = subject(self.settings(), self.status())
        self._background.begin("checks", partial(self.examination.run, checked))

    def findings(self) -> list[Finding]:
        """What the last checks have found so far."""
        return self.examination.findings()

    def support(self) -> bytes:
        """An archive for whoever helps from afar."""
        with refusing():
            return self.examination.support()

    def back_up(self) -> None:
        """Begin to make a backup."""
        self._background.begin("backup", partial(self._backup.make, self._places()))

    def backup(self, begin: int) -> bytes:
        """A piece of it."""
        return self._backup.piece(begin)

    def upload(self, key: str, piece: str, place: int) -> None:
        """Take a piece of a file."""
        try:
            data = base64.b64decode(piece, validate=True)
        except ValueError:
            raise RefusalError("The file did not come as it was sent. Send it again.") from None
        self.uploads.add(key, data, place, self.settings().journal.path.parent)

    def drop(self, key: str) -> None:
        """Give a file up."""
        self.uploads.drop(key)

    def restore(self, key: str) -> None:
        """Begin to put a backup back."""
        places, archive = self._places(), self.uploads.take(key)
        try:
            self._background.begin("restore", partial(self._restore, archive, places))
        except RefusalError:
            archive.close()
            raise

    def erase(self, turn_ids: list[int]) -> Record:
        """Erase exchanges, and a backup that waits."""
        self._backup.drop()
        return super().erase(turn_ids)

    def forget_me(self) -> Record:
        """Erase everything, with added calendars and a backup that waits."""
        self._backup.drop()
        self._calendars().clear()
        return super().forget_me()

    def calendars(self) -> list[Record]:
        """The calendars that were added."""
        with refusing():
            return [asdict(each) for each in self._calendars().all()]

    def appointments(self, days: int = 14) -> list[Record]:
        """What is in all calendars from now on."""
        now = datetime.now().astimezone()
        found = self.household().calendars.between(now, now + timedelta(days=days))
        shown = found[:MOST_APPOINTMENTS]
        return [asdict(each) | {"starts_at": each.starts_at.isoformat()} for each in shown]

    def add_calendar(self, key: str, name: str) -> Record:
        """Keep a calendar that was sent."""
        with refusing(), self.uploads.take(key, LARGEST) as file:
            return asdict(self._calendars().add(name, file.read()))

    def remove_calendar(self, name: str) -> None:
        """Remove one that was added."""
        with refusing():
            self._calendars().remove(name)

    def _calendars(self) -> CalendarFiles:
        return CalendarFiles.beside(self.settings().journal.path)

    def _restore(self, archive: IO[bytes], places: Places) -> None:
        put_back(archive, places, self._closed)
        self.restored()

    def _places(self) -> Places:
        settings = self.settings()
        return Places(settings.journal.path, settings.bridges)
