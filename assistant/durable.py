"""Files that survive a power cut whole or not at all, and that only their owner may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_OTHERS = 0o077


def part(path: Path) -> Path:
    """Where ``write`` keeps a file until it is complete."""
    return path.with_name(f"{path.name}.part")


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file atomically and flush it and its directory entry to the disk.

    Args:
        path: the file, in an existing folder.
        data: the whole content.
        mode: permissions; the umask applies unless only the owner has any.

    Raises:
        OSError: if it cannot be written; the old file is then unchanged.
    """
    new = part(path)
    try:
        new.unlink(missing_ok=True)  # left by a killed process, or a link that somebody put there
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            if not mode & _OTHERS:
                _restrict(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Flush a folder's directory entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private(path: str, flags: int) -> int:
    """An ``opener`` for ``open`` that leaves a new or existing file to its owner alone.

    Raises:
        OSError: if it cannot be opened, belongs to somebody else or is a link.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        _restrict(handle, 0o600)
    except OSError:
        os.close(handle)
        raise
    return handle


def _restrict(handle: int, mode: int) -> None:
    try:
        os.fchmod(handle, mode)
    except PermissionError:
        if os.fstat(handle).st_uid != os.geteuid():
            raise
        # our own file, on a memory stick, say, whose file system has no permissions


def folder(path: Path) -> None:
    """Create a folder and its missing parents for the owner alone; existing ones are not changed.

    Raises:
        OSError: if it cannot be created.
    """
    if path.is_dir():
        return
    folder(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():  # else another process was faster
            raise


@contextmanager
def locked(path: Path, refusal: Exception, *, wait_s: float = 0.0) -> Generator[None]:
    """Hold an inter-process lock; the lock file stays, and a dying process releases the lock.

    Args:
        path: the lock file, in an existing folder.
        refusal: raised if another process still holds the lock after ``wait_s``.
        wait_s: how long to wait for the lock.

    Raises:
        OSError: if the file cannot be created.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - asyncio, which few need, is slow

    lock = FileLock(path, wait_s, mode=0o600, thread_local=False)
    try:
        lock.acquire(poll_interval=0.02)
    except Timeout:
        raise refusal from None
    try:
        yield
    finally:
        lock.release()


def close_to_others(path: Path, *, keeping: int = 0) -> bool:
    """Remove other users' permissions on a file or folder; returns whether there were any.

    Args:
        path: ignored if it is missing or belongs to somebody else.
        keeping: permission bits that other users keep.
    """
    try:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        excess = mode & _OTHERS & ~keeping
        if not excess or found.st_uid != os.geteuid():
            return False
        path.chmod(mode & ~excess)
    except OSError:
        return False
    return True
