"""Catalogue entries of models that are noise."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.catalog.entries import CatalogEntry, HubSource
from tests.catalog.hub import FakeHub

REPOSITORY = "people/tiny"


def entry(*paths: str, **changes: Any) -> CatalogEntry:
    """A model on the hub, whose files are not known."""
    places = {path.rpartition("/")[2]: path for path in paths or ("tiny.gguf",)}
    hub = {"kind": "hub", "repository": REPOSITORY, "paths": places}
    return CatalogEntry.model_validate(
        {
            "name": "tiny",
            "role": "llm",
            "about": "a tiny one",
            "files": [{"name": name, "sha256": "unknown"} for name in places],
            "sources": [hub],
            "size_gb": 0.001,
            "memory_mb": 10,
            "architecture": "llama",
            "boards": ["pc"],
            "licence": {"id": "mit", "url": "https://example.org/mit"},
        }
        | changes
    )


def known(files: Mapping[str, bytes], *sources: Mapping[str, Any], **changes: Any) -> CatalogEntry:
    """A model whose files are known; on the hub, if no sources are named."""
    listed = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    return entry(**{"files": listed, "sources": sources or [HUB], "size_gb": None} | changes)


HUB = {"kind": "hub", "repository": REPOSITORY}


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def stock(hub: FakeHub, wanted: CatalogEntry, size: int, seed: int = 0) -> None:
    """Give the hub the files of a model, each of other bytes."""
    source = wanted.sources[0]
    assert isinstance(source, HubSource)
    for place, file in enumerate(wanted.files):
        hub.put(source.repository, source.path(file), noise(size, seed * 100 + place))


def offer(hub: FakeHub, files: Mapping[str, bytes]) -> None:
    """Give the hub these files of the model."""
    for name, data in files.items():
        hub.put(REPOSITORY, name, data)


def names(wanted: CatalogEntry) -> Sequence[str]:
    return [file.name for file in wanted.files]
