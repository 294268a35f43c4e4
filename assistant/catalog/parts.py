"""Partly fetched files of a model, in the folder that is claimed for it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assistant.catalog.folder import discard
from assistant.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Came:
    """All files of a model, checked and on the disk."""

    origin: str
    files: Mapping[str, tuple[Path, str]]  # by name: where it is, and its SHA-256


def part(partial: Path, name: str, digest: str) -> Path:
    """Where a file is written while it is fetched; other content gets another name."""
    return partial / f"{name}.{digest[:12]}.part"


def size(path: Path) -> int:
    """Bytes of a file, 0 if it does not exist."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def tidy(partial: Path, parts: Mapping[Path, str], kept: Collection[str]) -> None:
    """Leave only files that can be resumed in a folder, which is made if it does not exist.

    Args:
        partial: the folder.
        parts: the files that are wanted, with their final names.
        kept: names of other files that may stay.
    """
    partial.mkdir(exist_ok=True)
    for path, name in parts.items():
        finished = partial / name  # by a process that died before the model was in place
        if finished.is_file() and not path.exists():
            finished.rename(path)
    for each in list(partial.iterdir()):
        if each not in parts and each.name not in kept:
            discard(each)


@contextmanager
def disk_errors(folder: Path) -> Generator[None, None, None]:
    """Turns errors of the disk into ours."""
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"Cannot write to {folder}: {error.strerror}. Free some space there, or set "
            "models.folder to another disk, then pull again."
        ) from None
