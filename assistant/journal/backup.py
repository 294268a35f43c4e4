"""The journal and the learned bridges in one tar file, with a manifest of their checksums.

The manifest comes last, so a truncated archive has none.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

from pydantic import BaseModel, ConfigDict
from sqlite_utils import Database

from assistant import durable
from assistant.errors import BackupError
from assistant.journal.connection import BUSY_S, explained
from assistant.journal.schema import recognise, version

FORMAT = 1
"""Version of the archive format."""

MANIFEST = "manifest.json"
JOURNAL = "journal.db"
BRIDGES = "bridges"
"""Names inside the archive."""

_UNFINISHED = ".attune-backup-"
_ARCHIVE = "backup.tar"

NAMES = re.compile(rf"journal\.db|{BRIDGES}/(promoted\.json|[0-9a-f]{{1,64}}\.safetensors)")
"""Everything an archive may hold besides its manifest."""


class Packed(BaseModel):
    """One file in an archive."""

    model_config = ConfigDict(frozen=True)

    size: int  # bytes
    sha256: str


class Manifest(BaseModel):
    """What an archive holds, and what wrote it."""

    model_config = ConfigDict(frozen=True)

    format: int
    attune: str  # version that wrote it
    journal: int  # version of the database schema
    exchanges: int
    made_at: datetime
    files: dict[str, Packed]

    @property
    def bridges(self) -> int:
        """How many learned bridges there are."""
        return sum(name.endswith(".safetensors") for name in self.files)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the data to save is."""

    journal: Path  # the database file
    bridges: Path  # folder of the learned bridges


class Digested:
    """A file that counts and checksums what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._sha256.update(data)
        self._size += len(data)
        return data

    @property
    def packed(self) -> Packed:
        """Size and checksum so far."""
        return Packed(size=self._size, sha256=self._sha256.hexdigest())


def pack(places: Places, archive: Path, now: datetime) -> Manifest:
    """Write an archive, while a running daemon may keep writing the journal.

    Args:
        places: what to save.
        archive: the tar file; until it is complete, its parts are in a hidden folder beside it.
        now: timezone-aware.

    Raises:
        BackupError: if there is no journal, it is damaged, or the archive cannot be written.
        JournalError: if the journal cannot be read.
    """
    with _packed(places, archive, now) as (manifest, part):
        part.replace(archive)
        durable.sync(archive.parent)
    return manifest


def pack_unnamed(places: Places, folder: Path, now: datetime) -> IO[bytes]:
    """An archive that is gone as soon as it is closed; made in a folder, as ``pack`` does."""
    with _packed(places, folder / _ARCHIVE, now) as (_, part):
        return part.open("rb")


@contextmanager
def _packed(
    places: Places, archive: Path, now: datetime
) -> Generator[tuple[Manifest, Path], None, None]:
    """A whole archive within the block, in a hidden folder beside where it belongs."""
    if not places.journal.is_file():
        raise BackupError(
            f"There is no journal at {places.journal} yet, so there is nothing to save. Talk with "
            "'assistant run', or set journal.path."
        )
    try:
        for left in unfinished(archive.parent):
            with _locked(left.bridges) as is_left:
                if is_left:
                    shutil.rmtree(left.bridges, ignore_errors=True)
        part = Path(mkdtemp(prefix=_UNFINISHED, dir=archive.parent))
        try:
            with _locked(part):
                manifest = _write(places, part / _ARCHIVE, part / JOURNAL, now)
                yield manifest, part / _ARCHIVE
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise BackupError(
            f"Cannot write the backup {archive}: {error.strerror}. Name another file or folder, "
            "or make room there."
        ) from error


def unfinished(folder: Path) -> list[Places]:
    """Unfinished copies in this folder of archives, most of them left by killed backups."""
    return [
        Places(copy, copy.parent)
        for copy in folder.glob(f"{_UNFINISHED}*/{JOURNAL}")
        if not copy.parent.is_symlink()
    ]


@contextmanager
def _locked(folder: Path) -> Generator[bool]:
    """Hold a folder; ``False`` if another backup does."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _write(places: Places, archive: Path, copy: Path, now: datetime) -> Manifest:
    shape, exchanges = _copy_journal(places.journal, copy)
    files: dict[str, Packed] = {}
    with new_file(archive) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:

            def add(name: str, size: int, content: IO[bytes]) -> None:
                member = tarfile.TarInfo(name)
                member.size, member.mode, member.mtime = size, 0o600, int(now.timestamp())
                reader = Digested(content)
                tar.addfile(member, reader)
                files[name] = reader.packed

            with copy.open("rb") as journal:
                add(JOURNAL, copy.stat().st_size, journal)
            for name, data in _bridges(places.bridges):
                add(f"{BRIDGES}/{name}", len(data), io.BytesIO(data))
            manifest = Manifest(
                format=FORMAT,
                attune=_attune(),
                journal=shape,
                exchanges=exchanges,
                made_at=now,
                files=files.copy(),
            )
            data = manifest.model_dump_json(indent=2).encode()
            add(MANIFEST, len(data), io.BytesIO(data))
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _copy_journal(journal: Path, copy: Path) -> tuple[int, int]:
    """Copy a consistent snapshot; return its schema version and its number of exchanges."""
    new_file(copy).close()
    with (
        explained(journal, "save the journal"),
        # read-only: not even migrated
        closing(_connect(f"{journal.absolute().as_uri()}?mode=ro")) as source,
        closing(_connect(copy.absolute().as_uri())) as target,
    ):
        recognise(Database(source, execute_plugins=False), journal)
        try:
            source.backup(target, progress=_patience(), sleep=0.02)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, no separate log
        except sqlite3.OperationalError as error:
            if "full" in str(error):  # the copy's disk: the journal is only read
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise
        shape = version(Database(target, execute_plugins=False))
        if not shape:
            raise BackupError(f"The journal {journal} is empty, so there is nothing to save.")
        if target.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise BackupError(
                f"The journal {journal} is damaged, so it was not saved. Keep your earlier "
                "backups; sqlite3's '.recover' can save what is left of it."
            )
        return shape, int(target.execute("SELECT count(*) FROM turns").fetchone()[0])


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)


def _patience() -> Callable[[int, int, int], None]:
    """Give up on another process's transaction, which ``backup`` would wait for indefinitely."""
    deadline = time.monotonic() + BUSY_S

    def progress(status: int, _left: int, _of: int) -> None:
        if status in _BUSY and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    return progress


_BUSY = (5, 6)  # SQLITE_BUSY and SQLITE_LOCKED; sqlite3 names them from Python 3.11 on


def _bridges(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The record of what is promoted, then every bridge, by their names in the folder."""
    names = sorted(
        each.name for each in folder.glob("*") if NAMES.fullmatch(f"{BRIDGES}/{each.name}")
    )
    for name in sorted(names, key=lambda name: not name.endswith(".json")):
        path = folder / name
        with suppress(FileNotFoundError):
            data = path.read_bytes()
            path.stat()  # still there: an erasure overwrites a file before it removes it
            yield name, data


def new_file(path: Path) -> IO[bytes]:
    """Create a file that only its owner can read; raises ``OSError`` if it exists."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _attune() -> str:
    try:
        return installed("attune")
    except PackageNotFoundError:
        return "unknown"
