"""The folder of models: each one whole under its name, or not there at all.

``NAME/`` holds the files of a model and ``manifest.json`` with their checksums. What is on its way
lies in ``.partial/NAME/`` and gets its name by one rename when everything is on the disk, so that
a process killed at any moment leaves no half model behind. One process at a time changes a model.
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
"""What is on its way, or on its way out."""

RESERVE = 200_000_000
"""Bytes of the disk that stay free."""


def _no_manifest(files: Mapping[str, InstalledFile]) -> Mapping[str, InstalledFile]:
    if MANIFEST in files:
        raise ValueError("it names itself")
    return files


class InstalledFile(BaseModel):
    """One file of a model, as it was when it was put in place."""

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
    """The models of a person; made with the first of them.

    Every method raises ``CatalogError`` where the folder cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Names of the installed models, in order."""
        with self._told("read"):
            if not self.path.is_dir():
                return []
            return sorted(
                each.name
                for each in self.path.iterdir()
                if NAME.fullmatch(each.name) and (each / MANIFEST).is_file()
            )

    def on_the_way(self) -> list[str]:
        """Names of models of which a part has been fetched."""
        with self._told("read"):
            partial = self.path / PARTIAL
            if not partial.is_dir():
                return []
            return sorted(
                each.name
                for each in partial.iterdir()
                if NAME.fullmatch(each.name) and each.is_dir() and any(each.iterdir())
            )

    def place(self, name: str) -> Path:
        """The folder of a model, whether it is there or not.

        Raises:
            CatalogError: if this cannot be the name of a model.
        """
        if not NAME.fullmatch(name):
            raise CatalogError(
                f"{name!r} cannot be the name of a model: take letters, digits, dots, dashes and "
                "underscores."
            )
        return self.path / name

    def manifest(self, name: str) -> Manifest:
        """What is known of an installed model.

        Raises:
            CatalogError: if it is not installed, or its manifest is damaged.
        """
        path = self.place(name) / MANIFEST
        with self._told("read"):
            try:
                return Manifest.model_validate_json(path.read_bytes())
            except (FileNotFoundError, NotADirectoryError):
                raise CatalogError(
                    f"No model {name!r} is installed. 'assistant models list' shows which are; "
                    f"'assistant models pull {name}' fetches one that is in the catalogue."
                ) from None
            except ValidationError:
                raise CatalogError(
                    f"The manifest of {name} is damaged. Remove the model with 'assistant models "
                    f"remove {name}', then pull or import it anew."
                ) from None

    def damaged(self, name: str) -> list[str]:
        """Names of those files of a model that are missing or are not what they were.

        Raises:
            CatalogError: as ``manifest``.
        """
        place, manifest = self.place(name), self.manifest(name)
        with self._told("read"):
            return [
                file for file, kept in manifest.files.items() if not _is_kept(place / file, kept)
            ]

    def remove(self, name: str) -> None:
        """Take a model away, whole, and what there is of it on its way.

        Raises:
            CatalogError: if there is neither.
        """
        place = self.place(name)
        if not (place / MANIFEST).exists() and name not in self.on_the_way():
            self.manifest(name)
        with self.claimed(name) as partial, self._told("change"):
            discard(partial)
            if place.exists():
                place.rename(partial)
                durable.sync(self.path)
                discard(partial)

    @contextmanager
    def claimed(self, name: str) -> Generator[Path, None, None]:
        """The folder for what is on its way, for one process at a time.

        Raises:
            CatalogError: if another process has it.
        """
        place = self.place(name)
        partial = self.path / PARTIAL / place.name
        busy = CatalogError(
            f"Another command is busy with the model {name}. Wait until it has ended."
        )
        with ExitStack() as held:
            with self._told("change"):
                durable.folder(self.path.parent)  # which may be that of the journal, too
                partial.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(durable.locked(partial.with_name(f".{name}.lock"), busy))
                discard(partial.with_name(f".{name}.old"))
            yield partial

    def install(self, partial: Path, manifest: Manifest) -> Path:
        """Give a model its name, in place of one that has it; where it is now.

        Args:
            partial: its folder while it is claimed, with all its files on the disk.
            manifest: names those files; whatever else is there goes.
        """
        place = self.path / manifest.name
        with self._told("change"):
            for each in list(partial.iterdir()):
                if each.name not in manifest.files:
                    discard(each)
            durable.write(
                partial / MANIFEST,
                manifest.model_dump_json(indent=2).encode() + b"\n",
                mode=0o666,
            )
            if place.exists():
                place.rename(partial.with_name(f".{manifest.name}.old"))
            partial.rename(place)
            durable.sync(self.path)
            discard(partial.with_name(f".{manifest.name}.old"))
        return place

    def require_room(self, wanted: int) -> None:
        """Refuse what the disk has no room for.

        Args:
            wanted: bytes.
        """
        with self._told("read"):
            free = shutil.disk_usage(_there(self.path)).free
        if wanted and wanted + RESERVE > free:
            raise CatalogError(
                f"{_gb(wanted + RESERVE)} are needed in {self.path}, but only {_gb(free)} are "
                "free. Make room there, or set models.folder to a larger disk."
            )

    @contextmanager
    def _told(self, what: str) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            raise CatalogError(
                f"Cannot {what} the models in {self.path}: {error.strerror}. Give yourself the "
                "right, make room there, or set models.folder to another folder."
            ) from None


def settle(path: Path) -> None:
    """Bring a file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _is_kept(path: Path, kept: InstalledFile) -> bool:
    try:
        return path.stat().st_size == kept.size and sha256(path) == kept.sha256
    except FileNotFoundError:
        return False


def discard(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def _there(path: Path) -> Path:
    """The nearest folder that exists."""
    return next(each for each in (path, *path.parents) if each.is_dir())


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
