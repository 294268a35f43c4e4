"""Files of a model that are on their way, in the folder that is claimed for it."""

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
    """Where a file is written: one of another content gets another name."""
    return partial / f"{name}.{digest[:12]}.part"


def size(path: Path) -> int:
    """Bytes of a file that may not be there."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def tidy(partial: Path, parts: Mapping[Path, str], kept: Collection[str]) -> None:
    """Leave only what can be gone on with.

    Args:
        partial: the folder; it is made if it is not there.
        parts: the files that are wanted, with the names they will have.
        kept: names of other files that may stay.
    """
    partial.mkdir(exist_ok=True)
    for path, name in parts.items():
        finished = partial / name  # by a process that died before the model had its name
        if finished.is_file() and not path.exists():
            finished.rename(path)
    for each in list(partial.iterdir()):
        if each not in parts and each.name not in kept:
            discard(each)


@contextmanager
def told(folder: Path) -> Generator[None, None, None]:
    """Failures of the disk as ours."""
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"Cannot write to {folder}: {error.strerror}. Make room there, or set models.folder "
            "to another disk, then pull again."
        ) from None
