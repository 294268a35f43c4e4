"""What a check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import TypeAdapter

Figure = int | float | str | None
"""A number, or the name or version of something; never what anybody said."""


class Level(str, Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # it works, but less well than it could
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    level: Level
    text: str  # what was found, and unless all is well what to do about it
    figures: Mapping[str, Figure] = field(default_factory=dict[str, Figure])

    def as_json(self) -> dict[str, object]:
        """The finding as JSON values."""
        return {"level": self.level.value, "text": self.text, "figures": dict(self.figures)}


def ok(text: str, **figures: Figure) -> Finding:
    """All is well."""
    return Finding(Level.OK, text, figures)


def warn(text: str, **figures: Figure) -> Finding:
    """It works, but could be better."""
    return Finding(Level.WARN, text, figures)


def fail(text: str, **figures: Figure) -> Finding:
    """Attune cannot work like this."""
    return Finding(Level.FAIL, text, figures)


def from_line(line: bytes) -> Finding:
    """A finding from its line of JSON; raises ``ValueError`` for anything else."""
    return _FINDING.validate_json(line)


_FINDING = TypeAdapter(Finding)
