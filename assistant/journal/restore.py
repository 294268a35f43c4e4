"""Restoring a backup: everything is checked first, then renamed into place."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError
from sqlite_utils import Database

from assistant import durable
from assistant.errors import AttuneError, BackupError, JournalError
from assistant.journal.backup import (
    BRIDGES,
    FORMAT,
    JOURNAL,
    MANIFEST,
    NAMES,
    Digested,
    Manifest,
    Packed,
    Places,
    new_file,
)
from assistant.journal.connection import connect, explained
from assistant.journal.schema import MIGRATIONS, migrate, recognise, version

_MOST_MANIFEST = 10_000_000  # bytes
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)  # no links, devices or sparse files
_LOGS = ("-wal", "-shm", "-journal")  # what SQLite puts beside a database
_CHUNK = 1 << 20
_BEFORE, _STAGED = ".before-restore", ".restoring"
_COPY = re.compile(rf"({_BEFORE}(?:-\d+)?|{_STAGED})(?:{'|'.join(_LOGS)})?")


def restore(
    archive: Path,
    places: Places,
    before_change: Callable[[Places], None] = lambda _: None,
    read: Callable[[Places], None] = lambda _: None,
) -> tuple[Manifest, list[Path]]:
    """Replace the current data by an archive's, and keep the old data beside it.

    Nothing is changed until everything has been checked. Older journals are migrated.

    Args:
        archive: made by ``pack``.
        places: where everything belongs.
        before_change: called after all checks with what was unpacked; if it raises, nothing is
            changed.
        read: reads all that was unpacked, as it will be read in use; if it raises an
            ``AttuneError``, the archive counts as damaged.

    Returns:
        The archive's manifest, and where the old data is now.

    Raises:
        BackupError: if the archive is damaged or not a backup, or cannot be unpacked.
        StorageError: if another program uses the journal.
    """
    staged = Places(_beside(places.journal, _STAGED), _beside(places.bridges, _STAGED))
    try:
        _clear(staged)
        try:
            manifest = _unpack(archive, staged)
            try:
                read(staged)
            except AttuneError as error:
                raise _damaged(archive, str(error).rstrip(".")) from error
            before_change(staged)
            return manifest, _put_back(staged, places)
        finally:
            _clear(staged)
    except OSError as error:
        if error.filename == str(archive):
            raise BackupError(
                f"Cannot read the backup {archive}: {error.strerror}. Name another file; nothing "
                "was changed."
            ) from error
        raise BackupError(
            f"Cannot restore {archive}: {error.strerror} ({error.filename or places.journal}). "
            "Make room, or give yourself the right to write there, and try again."
        ) from error


def copies(places: Places) -> Iterator[Places]:
    """Copies that restores have left beside a journal and its bridges; each may lack one of them.

    A hard link to the journal itself, left by a killed restore, is removed.
    """
    found = {
        copy[1]
        for place in (places.journal, places.bridges)
        for path in place.parent.glob("*")
        if path.name.startswith(place.name)
        and (copy := _COPY.fullmatch(path.name, len(place.name)))
    }
    for suffix in sorted(found):
        copy = Places(_beside(places.journal, suffix), _beside(places.bridges, suffix))
        with suppress(FileNotFoundError):
            if copy.journal.samefile(places.journal):
                copy.journal.unlink()
        yield copy


def files(places: Places) -> Iterator[Path]:
    """The database, SQLite's files beside it, and all files in the folder of bridges."""
    yield from (_beside(places.journal, suffix) for suffix in ("", *_LOGS))
    yield from (path for path in places.bridges.rglob("*") if path.is_file())


def _clear(staged: Places) -> None:
    for suffix in ("", *_LOGS):
        _beside(staged.journal, suffix).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(staged.bridges)


def _unpack(archive: Path, staged: Places) -> Manifest:
    """Unpack next to the final places, and check everything."""
    for folder in (staged.journal.parent, staged.bridges):
        durable.folder(folder)
    found: dict[str, Packed] = {}
    manifest: Manifest | None = None
    try:
        with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.type in _PLAIN else None
                name = member.name
                is_expected = name == MANIFEST or NAMES.fullmatch(name) is not None
                if content is None or member.sparse or not is_expected:
                    raise BackupError(
                        f"{archive} is not an Attune backup: it holds {name[:80]!r}. Nothing was "
                        "changed; name a file that 'assistant backup' wrote."
                    )
                if name in found or manifest is not None:
                    raise _damaged(archive, f"it holds {name} twice or in the wrong place")
                if name == MANIFEST:
                    manifest = _manifest(archive, content)
                else:
                    is_journal = name == JOURNAL
                    place = staged.bridges / name.removeprefix(f"{BRIDGES}/")
                    found[name] = _extract(content, staged.journal if is_journal else place)
    except tarfile.TarError as error:
        raise _damaged(archive, str(error)) from error
    if manifest is None:
        raise _damaged(archive, "it is cut off, or was never an Attune backup")
    if found != manifest.files or JOURNAL not in found:
        raise _damaged(archive, "its contents do not match their checksums")
    _check_journal(archive, staged.journal, manifest)
    durable.sync(staged.bridges)
    return manifest


def _extract(content: IO[bytes], target: Path) -> Packed:
    reader = Digested(content)
    with new_file(target) as file:
        while data := reader.read(_CHUNK):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return reader.packed


def _manifest(archive: Path, content: IO[bytes]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(content.read(_MOST_MANIFEST))
    except ValidationError as error:
        raise _damaged(archive, "its manifest cannot be read") from error
    if manifest.format > FORMAT or manifest.journal > len(MIGRATIONS):
        raise BackupError(
            f"{archive} was made by a newer Attune ({manifest.attune}). Install that version, "
            "then restore again."
        )
    return manifest


def _check_journal(archive: Path, journal: Path, manifest: Manifest) -> None:
    """Check that the database is intact and has the schema of a journal, and migrate it."""
    try:
        with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
            database = Database(connection, execute_plugins=False)
            connection.execute("PRAGMA trusted_schema = OFF")
            recognise(database, journal)
            shape = version(database)
            if shape != manifest.journal or _shape(database) != _shape_of(shape):
                raise _damaged(archive, "its database does not have the structure of a journal")
            if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                raise _damaged(archive, "its database is corrupt")
    except (sqlite3.Error, JournalError) as error:
        raise _damaged(archive, "its database is not a journal") from error
    connect(journal).close()


def _shape(database: Database) -> set[tuple[str, str, str | None]]:
    rows = database.conn.execute("SELECT type, name, sql FROM sqlite_master")
    return {(kind, name, sql) for kind, name, sql in rows}


def _shape_of(number: int) -> set[tuple[str, str, str | None]]:
    """The schema of a journal of this version."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        database = Database(connection, execute_plugins=False)
        migrate(database, MIGRATIONS[:number])
        return _shape(database)


def _put_back(staged: Places, places: Places) -> list[Path]:
    """Rename everything into place; a complete journal is there at every moment."""
    kept: list[Path] = []
    before = _before(places)
    _give_to_owner(staged, places)
    if places.journal.exists():
        _settle(places.journal)
        kept.append(before.journal)
    _keep(places.journal, before.journal)
    staged.journal.replace(places.journal)
    durable.sync(places.journal.parent)
    if places.bridges.exists():
        kept.append(before.bridges)
        places.bridges.rename(before.bridges)
    staged.bridges.rename(places.bridges)
    durable.sync(places.bridges.parent)
    return kept


def _give_to_owner(staged: Places, places: Places) -> None:
    """When root restores for a service, give everything to the service's user."""
    if os.geteuid() == 0:
        owner = (places.journal if places.journal.exists() else places.journal.parent).stat()
        for path in (staged.journal, staged.bridges, *staged.bridges.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)


def _settle(journal: Path) -> None:
    """Merge the write-ahead log into the database, which fails if another process uses it."""
    with (
        explained(journal, "put the backup in place"),
        closing(sqlite3.connect(journal, isolation_level=None)) as connection,
    ):
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            pass  # damaged, which may be why a backup is being restored


def _keep(journal: Path, kept: Path) -> None:
    for suffix in _LOGS:  # of a damaged one; SQLite would apply them to the new one
        with suppress(FileNotFoundError):
            _beside(journal, suffix).rename(_beside(kept, suffix))
    with suppress(FileNotFoundError):
        try:
            kept.hardlink_to(journal)
        except OSError:  # this file system has no hard links
            journal.rename(kept)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _before(places: Places) -> Places:
    """Unused names for the old data."""
    number, suffix = 1, _BEFORE
    while _beside(places.journal, suffix).exists() or _beside(places.bridges, suffix).exists():
        number += 1
        suffix = f"{_BEFORE}-{number}"
    return Places(_beside(places.journal, suffix), _beside(places.bridges, suffix))


def _damaged(archive: Path, why: str) -> BackupError:
    return BackupError(
        f"The backup {archive} is damaged: {why}. Nothing was changed; use an earlier one."
    )
