"""Which exchanges are due for erasure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from assistant.config import JournalSettings
from assistant.journal.turn import stamp

MEGABYTE = 1_000_000

JUMP = timedelta(minutes=5)
"""By which the clock may be set without doubt."""

UNSEEN = timedelta(days=30)
"""Without any exchange, after which the date of a device that was just switched on is doubted."""

GRACE = timedelta(days=1)
"""How long a doubted date has to be steady before anything is erased by it."""

_LONGEST_DAYS = 100_000
"""Longer ages mean forever; the calendar would have no such day."""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """The size of one exchange, and whether Attune was taught with it."""

    id: int
    started_at: str  # as ``stamp`` writes it
    n_bytes: int  # recording and features
    taught: bool  # read aloud, imported, corrected or confirmed


@dataclass(slots=True)
class Calendar:
    """Whether the date may decide about what is erased for good: it may be wrong for a while."""

    _ahead: timedelta | None = field(default=None, init=False)  # of the date, over the boot clock
    _doubted_at: float | None = field(default=None, init=False)  # seconds since boot

    def may_be_trusted(self, now: datetime, boot_s: float, newest: datetime | None) -> bool:
        """Whether the date has been steady, and is near what was seen last; to be asked often.

        Args:
            now: what the clock on the wall says, timezone-aware.
            boot_s: a clock that never jumps, in seconds.
            newest: when the last exchange was.
        """
        ahead = now - datetime.fromtimestamp(boot_s, now.tzinfo)
        if self._ahead is None:
            is_odd = newest is not None and abs(now - newest) > UNSEEN
        else:
            is_odd = abs(ahead - self._ahead) > JUMP
        self._ahead = ahead
        if is_odd:
            self._doubted_at = boot_s
        return self._doubted_at is None or boot_s - self._doubted_at >= GRACE.total_seconds()


def expired(kept: Sequence[StoredTurn], settings: JournalSettings, now: datetime) -> list[int]:
    """Ids of exchanges to erase, oldest first: those too old, then the oldest beyond the size.

    The newest one always stays, since its reply may be in progress.

    Args:
        kept: all exchanges.
        settings: the limits, and whether taught exchanges are exempt.
        now: timezone-aware.
    """
    oldest_first = sorted(kept, key=lambda each: (each.started_at, each.id))
    newest = max((each.id for each in kept), default=0)
    may_go = [
        each
        for each in oldest_first
        if each.id != newest and not (settings.keep_taught and each.taught)
    ]
    limit = stamp(now - timedelta(days=min(settings.keep_days, _LONGEST_DAYS)))
    excess = sum(each.n_bytes for each in kept) - settings.keep_mb * MEGABYTE
    gone: list[int] = []
    for each in may_go:
        too_old = settings.keep_days > 0 and each.started_at < limit
        too_much = settings.keep_mb > 0 and excess > 0
        if too_old or too_much:
            gone.append(each.id)
            excess -= each.n_bytes
    return gone
