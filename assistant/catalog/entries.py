"""What the catalogue says of each model that can be pulled."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assistant.config import catalog_file
from assistant.errors import CatalogError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SPARE_MB = 1_000
"""Memory left for the system, Attune's own code and the other models of a pair."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a model may be called: the name of a folder, never one that is hidden."""


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
"""The name of a model, or of a file of one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(_Part):
    """The terms a model comes under."""

    id: str
    url: str
    accept: bool = False  # whether it restricts what may be done, so that a person has to agree


class Source(_Part):
    """One file of a model, on the hub."""

    path: Annotated[str, AfterValidator(_inside)]  # inside the repository
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")

    @property
    def name(self) -> str:
        """What it is called in the model's folder."""
        return self.path.rpartition("/")[2]


class CatalogEntry(_Part):
    """A model that can be pulled."""

    name: Name
    role: Role
    about: str
    repository: str
    revision: str = "main"
    files: tuple[Source, ...] = Field(min_length=1)
    size_gb: float = Field(gt=0)  # estimate
    memory_mb: int = Field(gt=0)  # estimate of what it takes while in use
    architecture: str
    boards: tuple[Board, ...]
    licence: Licence
    note: str | None = None

    def fits(self, total_mb: float) -> bool:
        """Whether a machine with so much memory has room for it."""
        return self.memory_mb + SPARE_MB <= total_mb


_ENTRIES = TypeAdapter(tuple[CatalogEntry, ...])


def read(path: Path | None = None) -> tuple[CatalogEntry, ...]:
    """The catalogue, by default the one that Attune brings.

    Raises:
        CatalogError: if it is missing or damaged, or has a name twice.
    """
    path = catalog_file() if path is None else path
    try:
        models = tomllib.loads(path.read_text(encoding="utf-8")).get("model", [])
        entries = _ENTRIES.validate_python(models)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        first_line = str(error).partition("\n")[0]
        raise CatalogError(
            f"The catalogue {path} cannot be read ({first_line}). Install Attune anew."
        ) from None
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        raise CatalogError(f"The catalogue {path} has a name twice. Install Attune anew.")
    return entries


def find(entries: Sequence[CatalogEntry], name: str) -> CatalogEntry:
    """The entry of a name.

    Raises:
        CatalogError: if there is none.
    """
    for entry in entries:
        if entry.name == name:
            return entry
    near = difflib.get_close_matches(name, [entry.name for entry in entries], n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise CatalogError(
        f"The catalogue has no model {name!r}.{hint} 'assistant models list' shows what it has; "
        "'assistant models import PATH' takes a model that you have fetched yourself."
    )
