"""Settings in which a room's constants may be set beside what people set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from assistant.config import Settings
from assistant.config.block import Block

B = TypeVar("B", bound=Block)


def block(kind: type[B], /, **values: object) -> B:
    """A block with these settings and constants."""
    return kind.model_validate(_sorted(kind, values))


def whole(blocks: Mapping[str, Mapping[str, object]]) -> Settings:
    """Settings with these blocks."""
    found: dict[str, Any] = {
        name: _sorted(type(getattr(Settings.model_validate({}), name)), each)
        for name, each in blocks.items()
    }
    return Settings.model_validate(found)


def _sorted(kind: type[Block], values: Mapping[str, object]) -> dict[str, object]:
    if "tuned" not in kind.model_fields:
        return dict(values)
    constants = {each.name for each in fields(kind.model_fields["tuned"].default)} & values.keys()
    return {
        **{name: value for name, value in values.items() if name not in constants},
        "tuned": {name: values[name] for name in constants},
    }
