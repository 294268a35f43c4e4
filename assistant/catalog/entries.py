"""The catalogue: which models there are, which files they have, and where to get them."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from assistant.config import catalog_file
from assistant.errors import CatalogError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

STARTER = "starter"
"""The name of the bundled models."""

SPARE_MB = 1_000
"""Memory left for the system, Attune's own code and the other models in use."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A valid name for a model: it becomes a folder, and never a hidden one."""

UNKNOWN = "unknown"
"""In place of a checksum: then only a source that has its own checksum may provide the file."""

LICENSE = "LICENSE"
"""The file with the licence's text in a model's folder."""


class Role(str, Enum):
    """What a model does."""

    ENCODER = "encoder"
    LLM = "llm"
    VOICE = "voice"


class Board(str, Enum):
    """A machine that a model is suitable for."""

    RPI5_4GB = "rpi5-4gb"
    RPI5_8GB = "rpi5-8gb"
    JETSON_8GB = "jetson-8gb"
    PC = "pc"


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("it should have only letters, digits, dots, dashes and underscores")
    return name


def _inside(path: str) -> str:
    if not all(NAME.fullmatch(part) for part in path.split("/")):
        raise ValueError("it should be a path inside the repository")
    return path


Name = Annotated[str, AfterValidator(_name)]
"""The name of a model, of a set, or of a file of a model."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(_Part):
    """The terms of a model."""

    id: str
    url: str
    accept: bool = False  # whether it restricts the use, so that a person has to agree


class File(_Part):
    """One file of a model: the same bytes are the same file, wherever they come from."""

    name: Name
    sha256: str = Field(pattern=rf"^([0-9a-f]{{64}}|{UNKNOWN})$")
    size: int | None = Field(None, gt=0)  # bytes, exactly

    @property
    def is_known(self) -> bool:
        """Whether the catalogue has its checksum."""
        return self.sha256 != UNKNOWN


class HubSource(_Part):
    """A repository of the hub that holds a model."""

    kind: Literal["hub"]
    repository: str
    revision: str = "main"
    paths: Mapping[Name, Annotated[str, AfterValidator(_inside)]] = Field(
        default_factory=dict[str, str]
    )  # of files that have another name there

    def path(self, file: File) -> str:
        """A file's path in the repository."""
        return self.paths.get(file.name, file.name)

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.repository} at {self.revision}"


class Wheel(_Part):
    """A wheel of a package index: only an archive to take files from, never installed."""

    project: str = Field(pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$")
    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.!+]*$")
    size: int = Field(gt=0)  # bytes, at most

    @property
    def requirement(self) -> str:
        """Its name for pip."""
        return f"{self.project}=={self.version}"

    @property
    def file(self) -> str:
        """Its file name while it waits to be unpacked."""
        return f"{self.project}-{self.version}.whl"


class IndexSource(_Part):
    """Wheels of a package index that hold a model."""

    kind: Literal["index"]
    wheels: tuple[Wheel, ...] = Field(min_length=1)
    # by file name: its path in a wheel, or the paths of its parts, in order
    members: Mapping[Name, Annotated[tuple[str, ...], Field(min_length=1)]]
    licence: str | None = None  # the member with the licence's text

    @property
    def title(self) -> str:
        """Its name in messages."""
        return ", ".join(wheel.requirement for wheel in self.wheels)


Source = Annotated[HubSource | IndexSource, Field(discriminator="kind")]
"""Where a model comes from."""


class CatalogEntry(_Part):
    """A model that can be pulled."""

    name: Name
    role: Role
    about: str
    files: tuple[File, ...] = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1)  # tried in turn
    size_gb: float | None = Field(None, gt=0)  # estimate, where a size is not known
    memory_mb: int = Field(gt=0)  # estimate, while in use
    recommended_from_mb: int | None = Field(None, ge=0)  # memory of a machine that it suits best
    architecture: str
    boards: tuple[Board, ...]
    licence: Licence
    note: str | None = None

    @property
    def size(self) -> int:
        """Bytes of its files; an estimate if the catalogue does not know them all."""
        if self.size_gb is None:
            return sum(file.size or 0 for file in self.files)
        return round(self.size_gb * 1e9)

    @property
    def wheels(self) -> frozenset[str]:
        """File names of all wheels that may hold it."""
        return frozenset(
            wheel.file
            for source in self.sources
            if isinstance(source, IndexSource)
            for wheel in source.wheels
        )

    def fits(self, total_mb: float) -> bool:
        """Whether a machine with this much memory has room for it."""
        return self.memory_mb + SPARE_MB <= total_mb

    @model_validator(mode="after")
    def _files_are_distinct(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or LICENSE in names:
            raise ValueError("each file should have a name of its own")
        if (self.size_gb is None) != all(file.size for file in self.files):
            raise ValueError("size_gb should be given exactly when a file's size is not")
        return self

    @model_validator(mode="after")
    def _sources_can_be_checked(self) -> Self:
        names = {file.name for file in self.files}
        for source in self.sources:
            if isinstance(source, HubSource):
                if not source.paths.keys() <= names:
                    raise ValueError("the hub's paths should be of files that the model has")
                continue
            if set(source.members) != names:
                raise ValueError("each file should have its members in the index's wheels")
            if not all(file.is_known and file.size for file in self.files):
                raise ValueError("an index needs the size and the SHA-256 of every file")
        return self


class ModelSet(_Part):
    """Models that are pulled and used together."""

    name: Name
    about: str
    models: tuple[Name, ...] = Field(min_length=1)


class Catalog(_Part):
    """All models and sets of models; no name is used twice."""

    models: tuple[CatalogEntry, ...] = Field((), alias="model")
    sets: tuple[ModelSet, ...] = Field((), alias="set")

    @model_validator(mode="after")
    def _names_mean_one_thing(self) -> Self:
        names = [STARTER, *self._names()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is listed twice")
        models = {entry.name for entry in self.models}
        if strange := {name for each in self.sets for name in each.models} - models:
            raise ValueError(f"{min(strange)} is in a set but is not a model")
        return self

    @property
    def reserved(self) -> frozenset[str]:
        """Names that no model may have: those of sets."""
        return frozenset((STARTER, *(each.name for each in self.sets)))

    def find(self, name: str) -> CatalogEntry:
        """The model with a name.

        Raises:
            CatalogError: if there is none.
        """
        for entry in self.models:
            if entry.name == name:
                return entry
        near = difflib.get_close_matches(name, list(self._names()), n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise CatalogError(
            f"The catalogue has no model {name!r}.{hint} 'assistant models list' shows what it "
            "has; 'assistant models import PATH' adds a model that you downloaded yourself."
        )

    def members(self, name: str) -> tuple[str, ...]:
        """The names of the models of a set; any other name alone."""
        return next((each.models for each in self.sets if each.name == name), (name,))

    def find_all(self, name: str) -> tuple[CatalogEntry, ...]:
        """The models of a set, or the one model with a name; ``CatalogError`` if there is none."""
        return tuple(map(self.find, self.members(name)))

    def recommended(self, role: Role, total_mb: float) -> CatalogEntry | None:
        """The model to choose for a role on a machine with this much memory, if one is named."""
        suits = [
            each
            for each in self.models
            if each.role is role
            and each.recommended_from_mb is not None
            and each.recommended_from_mb <= total_mb
        ]
        return max(suits, key=lambda each: each.recommended_from_mb or 0, default=None)

    def _names(self) -> Iterator[str]:
        yield from (each.name for each in (*self.models, *self.sets))


def read(path: Path | None = None) -> Catalog:
    """The catalogue, by default the one that comes with Attune.

    Raises:
        CatalogError: if it is missing or damaged.
    """
    path = catalog_file() if path is None else path
    try:
        return Catalog.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where}: {first['msg']}" if where else first["msg"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = str(error).partition("\n")[0]
    raise CatalogError(f"The catalogue {path} cannot be read ({why}). Reinstall Attune.")
