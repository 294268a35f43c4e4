"""What is checked: the settings, and what the running daemon reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from assistant.config import Settings


@dataclass(frozen=True, slots=True)
class Daemon:
    """What the daemon reports about its health."""

    running: bool = False
    trouble: str | None = None  # why it cannot be asked
    pid: int | None = None
    uptime_s: float = 0.0
    turns: int = 0  # since it started
    warnings: int = 0  # current problems
    failures: int = 0  # of trainings, in a row
    microphone: str | None = None  # "listening", "absent", "muted", "waiting"; None: it has none
    level_dbfs: float | None = None  # of its microphone


@dataclass(frozen=True, slots=True)
class Subject:
    """The input of every check."""

    settings: Settings = field(default_factory=lambda: Settings.model_validate({}))
    daemon: Daemon = field(default_factory=Daemon)


def to_json(subject: Subject) -> object:
    """The subject as JSON values."""
    return _SUBJECT.dump_python(subject, mode="json")


def from_json(values: object) -> Subject:
    """The subject from JSON values; raises ``ValueError`` for anything else."""
    return _SUBJECT.validate_python(values)


_SUBJECT = TypeAdapter(Subject)
