"""What all blocks of settings share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} is no user of this machine") from None


HomePath = Annotated[Path, AfterValidator(_at_home)]
"""A path in which ``~`` stands for the user's home folder."""

Threads = Annotated[int, Field(ge=0, le=128)]
"""More abort llama.cpp, or start so many that the machine stands still."""

_MOST = 1e9
"""Largest number in any setting; beyond it sums of times and sizes overflow."""


def empty_is_none(value: object) -> object:
    """An empty text unsets a setting."""
    return None if value == "" else value


def one_is_several(value: object) -> object:
    """One text stands for a list of one."""
    return (value,) if isinstance(value, str) else value


class Block(BaseModel):
    """A room's settings: immutable, and strict about names; ``tuned`` holds its constants."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        coerce_numbers_to_str=True,
        defer_build=True,  # 'mute' wants to know one of them, and '--help' none
    )

    @field_validator("*")
    @classmethod
    def _bounded(cls, value: object) -> object:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("it contains a zero byte")
        if isinstance(value, int | float) and not abs(value) <= _MOST:
            raise ValueError(f"it should be at most {_MOST:.0f}")
        return value
