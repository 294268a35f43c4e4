"""Files that trainings keep in the folder of bridges until they are done.

All code that writes such a file takes its name from here, so that an erasure finds every one.
Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assistant import durable

RETRAINING = "training.safetensors"
BOOTSTRAP = "bootstrap.safetensors"
"""States of interrupted trainings."""

GENERAL, PRIVATE = "bootstrap", "bootstrap-own"
"""Features of bundled sentences and a person's corpora, and of texts from the journal."""

COMMON_TALK = "replay"
"""Features of bundled sentences in synthetic voices, which no person spoke, so they stay."""


def features(folder: Path, *names: str) -> list[Path]:
    """Paths of the features of these names, which need not exist."""
    return [folder / f"{name}{suffix}" for name in names for suffix in (".frames", ".jsonl")]


def learned(folder: Path, *, everything: bool) -> Iterator[Path]:
    """Paths, which need not exist, of files that may hold what was said.

    ``everything`` includes those that do not come from the journal.
    """
    for name in (RETRAINING, BOOTSTRAP):
        yield folder / name
        yield durable.part(folder / name)
    yield from features(folder, PRIVATE, *([GENERAL] if everything else []))
