"""Remembers the best execution of each encoder on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, cast, get_args

from assistant import durable
from assistant.errors import EncoderError

Execution = Literal["float", "int8", "onnx-int8"]
"""How a network is computed: float32 or int8 in torch, or int8 in ONNX Runtime."""

EXECUTIONS: tuple[Execution, ...] = get_args(Execution)

FILE = "tuned.json"
"""In the encoder's cache: executions by the fingerprint of the weights."""


def recall(cache: Path, fingerprint: str) -> Execution:
    """The best execution for these weights; float before any measurement."""
    found = _read(cache).get(fingerprint)
    known: dict[object, Execution] = {each: each for each in EXECUTIONS}
    return known.get(found, "float")


def remember(cache: Path, fingerprint: str, execution: Execution) -> None:
    """Save the best execution for these weights; ``EncoderError`` if that fails."""
    try:
        durable.folder(cache)
        table = {**_read(cache), fingerprint: execution}
        durable.write(cache / FILE, json.dumps(table, indent=2).encode())
    except OSError as error:
        raise EncoderError(
            f"Cannot write {cache / FILE} ({error.strerror}). Free some space there, or set "
            "encode.cache to another folder."
        ) from None


def _read(cache: Path) -> dict[str, object]:
    """The saved table; empty if it cannot be read, since it can be measured again."""
    try:
        found = json.loads((cache / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
