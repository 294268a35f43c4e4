"""Destroying files: overwriting, then removing them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from assistant import durable
from assistant.errors import JournalError

_CHUNK = 1 << 20  # bytes overwritten at once


def shred(paths: Iterable[Path]) -> None:
    """Overwrite files with zeros on the disk and remove them; missing ones are ignored.

    The disk's hardware may still keep old bytes elsewhere.

    Raises:
        JournalError: if a file cannot be written or removed.
    """
    folders: set[Path] = set()
    for path in paths:
        try:
            _overwrite(path)
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _undone(path, error) from error
        folders.add(path.parent)
    for folder in folders:
        _sync(folder)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _CHUNK)))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    try:
        durable.sync(folder)
    except OSError as error:
        raise _undone(folder, error) from error


def _undone(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"Cannot erase {path}: {error.strerror}. Give yourself write permission there; the "
        "erasure is finished when Attune starts next, or by the next 'assistant log delete'."
    )
