"""What the bringing of a model tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moved:
    """So much of a model is here."""

    done: int  # bytes
    of: int  # bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """The connection is to be tried again."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Checking:
    """A file that is here is held against its checksum."""

    file: str


@dataclass(frozen=True, slots=True)
class Anew:
    """A file came damaged, and is fetched once more from its beginning."""

    file: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A source gave nothing, and the next one is tried."""

    why: str


Progress = Moved | Waiting | Checking | Anew | Elsewhere
"""What goes on."""
