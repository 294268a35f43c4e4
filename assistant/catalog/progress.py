"""Progress reports while a model is fetched or imported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moved:
    """How much of a model has arrived."""

    done: int  # bytes
    of: int  # bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """The connection will be tried again."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Checking:
    """A file that has arrived is checked against its checksum."""

    file: str


@dataclass(frozen=True, slots=True)
class Anew:
    """A file arrived damaged and is fetched again from scratch."""

    file: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A source failed, and the next one is tried."""

    why: str


Progress = Moved | Waiting | Checking | Anew | Elsewhere
"""Any of these reports."""
