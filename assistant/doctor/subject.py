"""What is looked over: the settings, and what the running daemon tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from assistant.config import Settings


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the daemon tells, as far as it concerns its health."""

    running: bool = False
    trouble: str | None = None  # why it cannot be asked
    pid: int | None = None
    uptime_s: float = 0.0
    turns: int = 0  # since it began
    warnings: int = 0  # troubles that stand
    failures: int = 0  # of trainings, in a row
    microphone: str | None = None  # "listening", "absent", "muted", "waiting"; None: it uses none
    level_dbfs: float | None = None  # of its microphone


@dataclass(frozen=True, slots=True)
class Subject:
    """What every check is given."""

    settings: Settings = field(default_factory=lambda: Settings.model_validate({}))
    daemon: Daemon = field(default_factory=Daemon)


def to_json(patient: Subject) -> str:
    """The patient as JSON."""
    return _PATIENT.dump_json(patient).decode()


def from_json(text: str) -> Subject:
    """The patient from JSON.

    Raises:
        ValueError: if it is none.
    """
    return _PATIENT.validate_json(text)


_PATIENT = TypeAdapter(Subject)
