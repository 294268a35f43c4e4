"""Extracts files from wheels, which are untrusted ZIP archives.

Only the members that the catalogue names are read, up to the size that it gives: no file gets a
name that an archive chooses, and nothing is imported or run.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

_BLOCK = 1 << 20

_ENCRYPTED = 1
"""This bit of a member's flags."""

_DAMAGED = (
    BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, OverflowError, RuntimeError,
    ValueError,
)  # fmt: skip
"""What zipfile raises for a file that is not an archive, or one made to confuse it."""


class WheelError(Exception):
    """A wheel does not hold what it should; its text is a clause."""


class Wheels:
    """Open wheels; a member may be in any of them."""

    def __init__(self, archives: Sequence[ZipFile]) -> None:
        self._archives = archives

    @classmethod
    @contextmanager
    def opened(cls, paths: Sequence[Path]) -> Generator[Wheels, None, None]:
        """Open these files; ``WheelError`` if one is not an archive."""
        with ExitStack() as owned:
            try:
                archives = [owned.enter_context(ZipFile(path)) for path in paths]
            except _DAMAGED as error:
                raise WheelError(f"a wheel cannot be read ({error})") from None
            yield cls(archives)

    def take(self, names: Sequence[str], target: Path, size: int, sha256: str) -> None:
        """Write members, one after the other, into one file; it is removed if its SHA-256 is wrong.

        Args:
            names: of the members.
            target: the file.
            size: bytes that it must have.
            sha256: that it must have.

        Raises:
            WheelError: if a member is missing, or the result is not what it should be.
            OSError: if it cannot be written.
        """
        members = [self._member(name) for name in names]
        if sum(info.file_size for _, info in members) != size:
            raise WheelError(f"{names[0]} has another size")
        if _written(members, target) != sha256:
            target.unlink()
            raise WheelError(f"the SHA-256 of {names[0]} differs")

    def take_text(self, name: str, target: Path, most: int) -> str:
        """Write a member of at most ``most`` bytes into a file; its SHA-256.

        Raises:
            WheelError: if there is no such member, or it is larger.
            OSError: if it cannot be written.
        """
        member = self._member(name)
        if member[1].file_size > most:
            raise WheelError(f"{name} is too large")
        return _written([member], target)

    def _member(self, name: str) -> tuple[ZipFile, ZipInfo]:
        # orig_filename: zipfile cuts names at a NUL
        found = [
            (archive, info)
            for archive in self._archives
            for info in archive.infolist()
            if info.filename == name == info.orig_filename
        ]
        if len(found) != 1:
            raise WheelError(f"{name} is missing" if not found else f"{name} is there twice")
        info = found[0][1]
        if (
            stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG)
            or info.is_dir()
            or info.flag_bits & _ENCRYPTED
            # other methods decompress everything at once, however much that is
            or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED)
        ):
            raise WheelError(f"{name} is not an ordinary file")
        return found[0]


def _written(members: Sequence[tuple[ZipFile, ZipInfo]], target: Path) -> str:
    """Write members into a file and sync it to the disk; its SHA-256."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for archive, info in members:
            for block in _bytes(archive, info):
                digest.update(block)
                file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _bytes(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    """The bytes of a member, never more than it declares."""
    try:
        with archive.open(info) as body:
            while block := body.read(_BLOCK):
                yield block
    except _DAMAGED as error:
        raise WheelError(f"{info.filename} is damaged ({error})") from None
