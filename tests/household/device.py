"""A device whose clocks a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from assistant.household.clocks import Moment

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@dataclass
class Device:
    """Its clocks, and what happens to them."""

    shows: datetime  # UTC; what the clock on the wall stands for
    zone: str = BERLIN
    boots: int = 0
    boot_s: float = 100.0  # since it was switched on

    @classmethod
    def at(cls, wall: str, zone: str = BERLIN) -> Device:
        """One whose clock on the wall shows this, such as "2026-03-29 01:30"."""
        local = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))
        return cls(local.astimezone(timezone.utc), zone)

    def look(self) -> Moment:
        return Moment(self.shows.astimezone(ZoneInfo(self.zone)), str(self.boots), self.boot_s)

    @property
    def moment(self) -> Moment:
        return self.look()

    @property
    def wall(self) -> datetime:
        """What the clock on the wall shows."""
        return self.moment.now.replace(tzinfo=None)

    def local(self, wall: str) -> datetime:
        """This time, in the zone where it is now."""
        return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(self.zone))

    def wait(self, **time: float) -> None:
        """Time passes, while it is on."""
        length = timedelta(**time)
        self.shows += length
        self.boot_s += length.total_seconds()

    def until(self, wall: str) -> None:
        """Time passes until the clock on the wall shows this."""
        length = self.local(wall).astimezone(timezone.utc) - self.shows
        assert length >= timedelta(0)
        self.wait(seconds=length.total_seconds())

    def turn(self, **time: float) -> None:
        """Somebody sets the clock, or a server does."""
        self.shows += timedelta(**time)

    def off(self, **time: float) -> None:
        """It is switched off for a while."""
        self.shows += timedelta(**time)
        self.boots += 1
        self.boot_s = 20.0
