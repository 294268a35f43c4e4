"""Files that clients send in pieces, on the disk and without a name until they are asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from assistant.control.declaring import RefusalError
from assistant.daemon.disk import LEAVE_BYTES, free_bytes

MOST = 3
"""Files at once."""

IDLE_S = 60.0
"""Time after which one is given up of which no further piece comes."""


@dataclass(slots=True)
class _Upload:
    file: IO[bytes]
    size: int = 0
    pieces: int = 0
    at: float = 0.0  # when the last piece came, monotonic seconds


class Uploads:
    """What has come, by the names that clients made up for it.

    A file has no name in its folder, so that nothing is left of it however this process ends.

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
        self._held: dict[str, _Upload] = {}

    def __len__(self) -> int:
        """How many are coming."""
        return len(self._held)

    def add(self, key: str, piece: bytes, place: int, folder: Path) -> None:
        """Take a piece.

        Args:
            key: which file it belongs to.
            piece: its bytes.
            place: of the piece, from 0.
            folder: on whose disk the file is kept.

        Raises:
            RefusalError: if a piece is missing, there is no room, or too many files come at once.
        """
        self.tidy()
        with self._guard:
            if key not in self._held and place == 0:
                if len(self._held) >= MOST:
                    raise RefusalError("Too many files are being sent. Try again in a minute.")
                with _refusing_disk():
                    file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed later
                    self._held[key] = _Upload(file)
            upload = self._held.get(key)
            if upload is None or upload.pieces != place:
                raise RefusalError("The file did not come as a whole. Send it again.")
            # as much again as the file itself takes to be unpacked
            if self._free(folder) < upload.size + 2 * len(piece) + LEAVE_BYTES:
                self._drop(key)
                raise RefusalError(
                    "There is not enough room for this file on the device's disk. Erase something "
                    "there, then send it again."
                )
            with _refusing_disk():
                upload.file.write(piece)
            upload.size += len(piece)
            upload.pieces += 1
            upload.at = self._clock()

    def take(self, key: str, most: int | None = None) -> IO[bytes]:
        """A whole file, which the caller closes.

        Args:
            key: which.
            most: longest one in bytes.

        Raises:
            RefusalError: if nothing has come under this name, or it is longer.
        """
        with self._guard:
            upload = self._held.pop(key, None)
        if upload is None:
            raise RefusalError("No file has come. Choose one, then send it.")
        if most is not None and upload.size > most:
            upload.file.close()
            raise RefusalError(f"The file is larger than {most / 1e6:.0f} MB. Send a smaller one.")
        with _refusing_disk():
            upload.file.seek(0)
        return upload.file

    def tidy(self) -> None:
        """Give up what was broken off."""
        with self._guard:
            for key, upload in list(self._held.items()):
                if self._clock() - upload.at > IDLE_S:
                    self._drop(key)

    def drop(self, key: str) -> None:
        """Give one up, if it is there."""
        with self._guard:
            self._drop(key)

    def close(self) -> None:
        """Give up all."""
        with self._guard:
            for key in list(self._held):
                self._drop(key)

    def _drop(self, key: str) -> None:
        if (upload := self._held.pop(key, None)) is not None:
            with suppress(OSError):  # what was not written yet does not fit on the disk
                upload.file.close()


@contextmanager
def _refusing_disk() -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise RefusalError(
            f"The file cannot be kept: {error.strerror}. Make room on the device's disk."
        ) from error
