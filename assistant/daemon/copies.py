"""Backups as the daemon makes them and puts them back while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from assistant.control.declaring import RefusalError
from assistant.control.messages import MAX_PIECE
from assistant.daemon.disk import LEAVE_BYTES, free_bytes
from assistant.errors import AttuneError, BackupError, JournalError
from assistant.journal.acts import Acts
from assistant.journal.backup import Places, pack_unnamed
from assistant.journal.restore import files, restore
from assistant.journal.store import Journal
from assistant.proofreading import read_all

KEPT_S = 900.0
"""Time in which a backup has to be fetched: it holds what may be erased meanwhile."""

SENT = "backup.tar"
"""What a backup is called that was sent: its own name is not known here."""


class Backup:
    """One archive that waits to be fetched; it has no name on the disk.

    Args:
        clock: monotonic seconds.
        free: bytes that are free on a folder's disk.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._clock = clock
        self._free = free
        self._guard = threading.Lock()
        self._archive: IO[bytes] | None = None
        self._made_at = 0.0
        self._dropped = 0  # how often, so that one is not kept that was begun before

    def make(self, places: Places) -> None:
        """Make a new one.

        Raises:
            BackupError: if there is no room, or as ``pack``.
            JournalError: as ``pack``.
        """
        self.drop()
        dropped, folder = self._dropped, places.journal.parent
        needed = 2 * sum(each.stat().st_size for each in files(places) if each.exists())
        if self._free(folder) < needed + LEAVE_BYTES:
            raise BackupError(
                f"A backup needs {(needed + LEAVE_BYTES) / 1e6:.0f} MB on the device's disk. Make "
                "room there, then try again."
            )
        archive = pack_unnamed(places, folder, datetime.now().astimezone())
        with self._guard:
            if self._dropped == dropped:
                self._archive, self._made_at = archive, self._clock()
                return
        archive.close()
        raise BackupError("Something was erased meanwhile, so the backup was not kept. Try again.")

    def size(self) -> int | None:
        """Bytes of the archive; ``None`` if none waits."""
        with self._guard:
            return None if self._archive is None else os.fstat(self._archive.fileno()).st_size

    def piece(self, begin: int) -> bytes:
        """Some bytes from a place on; empty at the end.

        Raises:
            RefusalError: if none waits.
        """
        with self._guard:
            if self._archive is None:
                raise RefusalError("That backup is not there any more. Make a new one.")
            self._made_at = self._clock()
            return os.pread(self._archive.fileno(), MAX_PIECE, begin)

    def tidy(self) -> None:
        """Drop it if nobody fetches it."""
        if self._clock() - self._made_at > KEPT_S:
            with self._guard:
                self._close()

    def drop(self) -> None:
        """Keep none, not even one that is being made."""
        with self._guard:
            self._dropped += 1
            self._close()

    def _close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None


def put_back(
    archive: IO[bytes], places: Places, closed: Callable[[], AbstractContextManager[None]]
) -> None:
    """Put a backup in the place of what is there, once all of it has been checked.

    What helpers have done since it was made stays known.

    Args:
        archive: as it was sent; it is closed.
        places: where everything belongs.
        closed: a block in which nothing of it is open.

    Raises:
        BackupError: if it is damaged or not a backup, or cannot be unpacked.
        JournalError: if the journal is in use elsewhere.
    """
    path = Path(f"/proc/self/fd/{archive.fileno()}")
    with archive, ExitStack() as held:

        def make_way(staged: Places) -> None:
            held.enter_context(closed())
            # what is damaged may be why a backup is put back
            with (
                suppress(JournalError),
                Journal(places.journal) as before,
                Journal(staged.journal) as after,
            ):
                Acts(after).go_on_from(Acts(before))

        try:
            restore(path, places, make_way, read_all)
        except AttuneError as error:
            raise type(error)(str(error).replace(str(path), SENT)) from error
