"""Catalogue entries of models that are noise."""

from __future__ import annotations

import random
from typing import Any

from assistant.catalog.entries import CatalogEntry
from tests.catalog.hub import FakeHub

REPOSITORY = "people/tiny"


def entry(*paths: str, **changes: Any) -> CatalogEntry:
    return CatalogEntry.model_validate(
        {
            "name": "tiny",
            "role": "llm",
            "about": "a tiny one",
            "repository": REPOSITORY,
            "files": [{"path": path} for path in paths or ("tiny.gguf",)],
            "size_gb": 0.001,
            "memory_mb": 10,
            "architecture": "llama",
            "boards": ["pc"],
            "licence": {"id": "mit", "url": "https://example.org/mit"},
        }
        | changes
    )


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def stock(hub: FakeHub, wanted: CatalogEntry, size: int, seed: int = 0) -> None:
    """Give the hub the files of a model, each of other bytes."""
    for place, source in enumerate(wanted.files):
        hub.put(wanted.repository, source.path, noise(size, seed * 100 + place))
