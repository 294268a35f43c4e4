"""The folder of models: each one complete under its name, or not there at all.

``NAME/`` holds the files of a model and ``manifest.json`` with their checksums. A model that is
being fetched lives in ``.partial/NAME/`` and gets its name by one rename when everything is on the
disk, so that a process killed at any moment leaves no half model behind. One process at a time
changes a model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from assistant import durable
from assistant.catalog.checksum import sha256
from assistant.catalog.entries import NAME, Name, Role
from assistant.errors import CatalogError

MANIFEST = "manifest.json"
"""In a model's folder, beside its files."""

PARTIAL = ".partial"
"""Models that are being fetched or removed."""

RESERVE = 200_000_000
"""Bytes of the disk that stay free."""


def _no_manifest(files: Mapping[str, InstalledFile]) -> Mapping[str, InstalledFile]:
    if MANIFEST in files:
        raise ValueError("it lists itself")
    return files


class InstalledFile(BaseModel):
    """One file of a model, as it was installed."""

    model_config = ConfigDict(frozen=True)

    size: int  # bytes
    sha256: str


class Manifest(BaseModel):
    """What an installed model is, and where it came from."""

    model_config = ConfigDict(frozen=True)

    name: Name
    role: Role
    source: str  # a repository and its commit, or a path
    licence: str | None  # None: not known
    installed_at: datetime
    files: Annotated[dict[Name, InstalledFile], AfterValidator(_no_manifest)]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(kept.size for kept in self.files.values())


class ModelFolder:
    """The installed models; the folder is made with the first of them.

    Every method raises ``CatalogError`` if the folder cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Names of the installed models, in order."""
        with self._disk_errors("read"):
            if not self.path.is_dir():
                return []
            return sorted(
                each.name
                for each in self.path.iterdir()
                if NAME.fullmatch(each.name) and (each / MANIFEST).is_file()
            )

    def on_the_way(self) -> list[str]:
        """Names of partly fetched models, in order."""
        with self._disk_errors("read"):
            partial = self.path / PARTIAL
            if not partial.is_dir():
                return []
            return sorted(
                each.name
                for each in partial.iterdir()
                if NAME.fullmatch(each.name) and each.is_dir() and any(each.iterdir())
            )

    def place(self, name: str) -> Path:
        """The folder of a model, installed or not.

        Raises:
            CatalogError: if this is not a valid name.
        """
        if not NAME.fullmatch(name):
            raise CatalogError(
                f"{name!r} cannot be the name of a model: use letters, digits, dots, dashes and "
                "underscores."
            )
        return self.path / name

    def manifest(self, name: str) -> Manifest:
        """The manifest of an installed model.

        Raises:
            CatalogError: if it is not installed, or its manifest is damaged.
        """
        path = self.place(name) / MANIFEST
        with self._disk_errors("read"):
            try:
                return Manifest.model_validate_json(path.read_bytes())
            except (FileNotFoundError, NotADirectoryError):
                raise CatalogError(
                    f"No model {name!r} is installed. 'assistant models list' shows which are; "
                    f"'assistant models pull {name}' fetches one from the catalogue."
                ) from None
            except ValidationError:
                raise CatalogError(
                    f"The manifest of {name} is damaged. Remove the model with 'assistant models "
                    f"remove {name}', then pull or import it again."
                ) from None

    def damaged(self, name: str) -> list[str]:
        """Names of a model's files that are missing or have changed."""
        place, manifest = self.place(name), self.manifest(name)
        with self._disk_errors("read"):
            return [
                file for file, kept in manifest.files.items() if not _is_kept(place / file, kept)
            ]

    def remove(self, name: str) -> None:
        """Remove a model and whatever has been fetched of it; ``CatalogError`` if there is none."""
        place = self.place(name)
        if not (place / MANIFEST).exists() and name not in self.on_the_way():
            self.manifest(name)
        with self.claimed(name) as partial, self._disk_errors("change"):
            discard(partial)
            if place.exists():
                place.rename(partial)
                durable.sync(self.path)
                discard(partial)

    @contextmanager
    def claimed(self, name: str) -> Generator[Path, None, None]:
        """The folder for a model being fetched; ``CatalogError`` if another process holds it."""
        place = self.place(name)
        partial = self.path / PARTIAL / place.name
        busy = CatalogError(
            f"Another command is busy with the model {name}. Wait until it has finished."
        )
        with ExitStack() as held:
            with self._disk_errors("change"):
                durable.folder(self.path.parent)  # which may also be the journal's
                partial.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(durable.locked(partial.with_name(f".{name}.lock"), busy))
                discard(partial.with_name(f".{name}.old"))
            yield partial

    def install(self, partial: Path, manifest: Manifest) -> Path:
        """Move a model into place, replacing one with that name; returns its folder.

        Args:
            partial: its claimed folder, with all its files on the disk.
            manifest: names those files; anything else there is removed.
        """
        place = self.path / manifest.name
        with self._disk_errors("change"):
            for each in list(partial.iterdir()):
                if each.name not in manifest.files:
                    discard(each)
            text = manifest.model_dump_json(indent=2) + "\n"
            durable.write(partial / MANIFEST, text.encode(), mode=0o666)
            if place.exists():
                place.rename(partial.with_name(f".{manifest.name}.old"))
            partial.rename(place)
            durable.sync(self.path)
            discard(partial.with_name(f".{manifest.name}.old"))
        return place

    def require_room(self, wanted: int) -> None:
        """Raise ``CatalogError`` unless the disk has room for this many bytes."""
        with self._disk_errors("read"):
            there = next(each for each in (self.path, *self.path.parents) if each.is_dir())
            free = shutil.disk_usage(there).free
        if wanted and wanted + RESERVE > free:
            raise CatalogError(
                f"{_gb(wanted + RESERVE)} are needed in {self.path}, but only {_gb(free)} are "
                "free. Make room there, or set models.folder to a larger disk."
            )

    @contextmanager
    def _disk_errors(self, what: str) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            raise CatalogError(
                f"Cannot {what} the models in {self.path}: {error.strerror}. Check the folder's "
                "permissions and free space, or set models.folder to another folder."
            ) from None


def settle(path: Path) -> None:
    """Sync a file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _is_kept(path: Path, kept: InstalledFile) -> bool:
    try:
        return path.stat().st_size == kept.size and sha256(path) == kept.sha256
    except FileNotFoundError:
        return False


def discard(path: Path) -> None:
    """Remove a file, or a folder with everything in it, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
