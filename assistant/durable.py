"""Files that are whole or not there, whenever the power is cut, and that nobody else may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_OTHERS = 0o077


def part(path: Path) -> Path:
    """Where ``write`` keeps what is half written."""
    return path.with_name(f"{path.name}.part")


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file atomically and bring it to the disk, its name included.

    Args:
        path: the file; its folder must be there.
        data: all of it.
        mode: permissions, less the process's umask unless they are the owner's alone.

    Raises:
        OSError: if it cannot be written; then the file is what it was before.
    """
    new = part(path)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
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
    """Bring a folder's list of names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private(path: str, flags: int) -> int:
    """Open a file that is its owner's alone, as the ``opener`` of ``open``; one that is there, too.

    Raises:
        OSError: if it cannot be opened, or belongs to somebody else.
    """
    handle = os.open(path, flags, 0o600)
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
        # of one's own: a memory stick, say, whose file system knows no permissions


def folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for its owner alone.

    One that is there stays as it is.

    Raises:
        OSError: if it cannot be made.
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
    """Be the only process within this block; the file stays, and death gives the lock back.

    Args:
        path: the lock; its folder must be there.
        refusal: raised if another process is within such a block all the while.
        wait_s: how long to wait for that one.

    Raises:
        OSError: if the file cannot be made.
    """
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
    """Leave a file or folder to its owner alone; whether it was open to others until now.

    Args:
        path: what is not there, or is somebody else's, stays as it is.
        keeping: what others may nevertheless do, as permissions.
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
