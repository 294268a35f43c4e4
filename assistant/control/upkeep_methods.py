"""What a client may ask the daemon to do for its own upkeep, and with files that come in pieces.

Part of ``Methods``.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Base64Bytes, Field, StringConstraints

from assistant.control.declaring import act, method
from assistant.control.messages import MAX_SOUND, Finding, Record, Work

Words: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Key: TypeAlias = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class UpkeepMethods:
    """Checks, backups and calendars."""

    @method
    def working(self) -> list[Work]:
        """The tasks that are under way or were done since the start."""
        raise NotImplementedError

    @act
    def examine(self) -> None:
        """Begin to check every part of the device; refused while another task is under way."""

    @method
    def findings(self) -> list[Finding]:
        """What the last checks have found so far."""
        raise NotImplementedError

    @method
    def support(self) -> Base64Bytes:
        """An archive (.tar.gz) for whoever helps from afar, without anything that was said."""
        raise NotImplementedError

    @act
    def back_up(self) -> None:
        """Begin to make a backup; refused while another task is under way."""

    @method
    def backup(self, begin: Count) -> Base64Bytes:
        """A piece of the backup from a byte on; empty at its end.

        It waits for a quarter of an hour, unless something is erased.
        """
        raise NotImplementedError

    @method
    def upload(
        self, key: Key, piece: Annotated[str, Field(max_length=MAX_SOUND)], place: Count
    ) -> None:
        """A piece of a file, in base 64; pieces are counted from 0.

        The key is the client's choice, and names the file to the method that takes it. A file is
        given up if nothing more comes of it for a minute.
        """

    @method
    def drop(self, key: Key) -> None:
        """Give up a file of which pieces were sent."""

    @act
    def restore(self, key: Key) -> None:
        """Begin to put a backup that was sent in the place of what is there.

        It is checked first; refused while another task is under way.
        """

    @method
    def calendars(self) -> list[Record]:
        """The calendars that were added: the fields of ``CalendarFile``."""
        raise NotImplementedError

    @method
    def appointments(self, days: Annotated[int, Field(ge=1, le=366)] = 14) -> list[Record]:
        """What is in all calendars of the household from now on, in order; at most 200."""
        raise NotImplementedError

    @act
    def add_calendar(self, key: Key, name: Annotated[str, Field(max_length=200)]) -> Record:
        """Keep a calendar that was sent, in the place of one of the same name."""
        raise NotImplementedError

    @act
    def remove_calendar(self, name: Words) -> None:
        """Remove one that was added."""
