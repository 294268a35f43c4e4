"""The device's clocks: what the time is here, and how long it has been running."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path

import tzlocal

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at the clocks."""

    now: datetime  # aware, in the zone of the device
    boot: str  # identifies the time since the device was switched on
    boot_s: float  # since then, also while it sleeps; it never jumps

    @property
    def zone(self) -> str:
        """The name of the zone, such as "Europe/Berlin"."""
        return str(self.now.tzinfo)


ZONE_S = 5.0
"""Time between two looks at the device's zone; it costs more than the clocks."""


def look() -> Moment:
    """The clocks as they are now; a change of the device's zone is soon noticed."""
    boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    zone = _zone(int(boot_s / ZONE_S))
    return Moment(datetime.now(zone), _boot(), boot_s)


@lru_cache(maxsize=1)
def _zone(_span: int) -> tzinfo:
    """The device's zone, read once in each span of time.

    The C library, which all other local times of the process come from, is told to read it, too.
    """
    time.tzset()
    return tzlocal.reload_localzone()


@cache
def _boot() -> str:
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:  # no Linux, or a container that hides it: every process counts as a boot
        return f"process {time.monotonic_ns()}"
