"""The room on the disk of which files that come or go must leave some."""

from __future__ import annotations

import shutil
from pathlib import Path

LEAVE_BYTES = 200_000_000
"""Room that stays free on the disk."""


def free_bytes(folder: Path) -> int:
    """Bytes that are free on a folder's disk."""
    return shutil.disk_usage(folder).free
