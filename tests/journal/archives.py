"""Backups for tests: whole ones, and ways to spoil them."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from assistant.journal.store import Journal

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)
BRIDGES = {
    "promoted.json": b'{"versions": ["1a2b"]}',
    "1a2b.safetensors": bytes(range(256)) * 40,
    "ff00.safetensors": b"another",
}

Members = list[tuple[tarfile.TarInfo, bytes]]


def said(path: Path) -> list[str | None]:
    with Journal(path) as journal:
        return [turn.hypothesis for turn in journal.turns()][::-1]


def everything(folder: Path) -> dict[str, bytes]:
    """All files in a folder, the logs of a database that is open left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".db-wal", ".db-shm")
    }


def members(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        return [
            (member, file.read())
            for member in tar.getmembers()
            if (file := tar.extractfile(member)) is not None
        ]


def rewrite(archive: Path, contents: Members) -> None:
    with tarfile.open(archive, "w") as tar:
        for member, data in contents:
            if member.isreg():
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def forge(
    archive: Path, change: Callable[[sqlite3.Connection], object], **manifest: object
) -> None:
    """Change the database in an archive, with a manifest that fits it."""
    (head, data), *rest, (last, text) = members(archive)
    database = archive.with_name("forged.db")
    database.write_bytes(data)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        change(connection)
    data = database.read_bytes()
    told = json.loads(text) | manifest
    told["files"]["journal.db"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    rewrite(archive, [(head, data), *rest, (last, json.dumps(told).encode())])


def run(*statements: str) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: [connection.execute(each) for each in statements]


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made
