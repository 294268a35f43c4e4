"""What trainings keep in the folder of bridges until they are done.

Whoever writes such a file takes its name from here, so an erasure finds all of them; nothing here
needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assistant import durable

RETRAINING = "training.safetensors"
BOOTSTRAP = "bootstrap.safetensors"
"""States of interrupted trainings."""

GENERAL, PRIVATE = "bootstrap", "bootstrap-own"
"""Features of bundled sentences and a person's corpora, and of what stands in the journal."""

COMMON_TALK = "replay"
"""Features of bundled sentences in synthetic voices: nobody has said them, so they stay."""


def features(folder: Path, *names: str) -> list[Path]:
    """Where the features of these names are, whether they are there or not."""
    return [folder / f"{name}{suffix}" for name in names for suffix in (".frames", ".jsonl")]


def learned(folder: Path, *, everything: bool) -> Iterator[Path]:
    """Files that may hold what was said, whether they are there or not.

    Args:
        folder: of the bridges.
        everything: those that come from elsewhere than the journal, too.
    """
    for name in (RETRAINING, BOOTSTRAP):
        yield folder / name
        yield durable.part(folder / name)
    yield from features(folder, PRIVATE, *([GENERAL] if everything else []))
