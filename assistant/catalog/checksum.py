"""Checksums of files, in the forms that manifests and the hub use."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Protocol

_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return _digest(path, hashlib.sha256())


def is_known(etag: str) -> bool:
    """Whether an ETag of the hub is a checksum: a SHA-256, or the SHA-1 of a git blob."""
    return re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", etag) is not None


def agrees(path: Path, etag: str) -> bool:
    """Whether a file has the checksum in the hub's ETag."""
    if len(etag) == 64:
        return sha256(path) == etag
    head = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(head, usedforsecurity=False)) == etag


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def _digest(path: Path, digest: _Digest) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
