"""Files that are there whole or not at all, whenever the power is cut."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file atomically and bring it to the disk, its name included.

    Args:
        path: the file; its folder must be there. What is half written is called ``path.part``.
        data: all of it.
        mode: permissions, less the process's umask.

    Raises:
        OSError: if it cannot be written; then the file is what it was before.
    """
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Bring a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
