"""Where readers of files find what they are given."""

from __future__ import annotations

import atexit
from pathlib import Path
from tempfile import TemporaryDirectory

_OWN = TemporaryDirectory()
atexit.register(_OWN.cleanup)
PLACE = Path(_OWN.name)


def put(name: str, data: bytes) -> Path:
    """A file with these bytes."""
    path = PLACE / name
    path.write_bytes(data)
    return path
