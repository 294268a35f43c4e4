"""Keeps torch and the allocator from holding memory that is no longer needed.

glibc serves blocks from its heap once one of their size has been freed, and small blocks between
them keep the heap as large as it ever was: wav2vec2-base in int8 took 390 MB instead of 136.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LOADING = 1 << 18
"""Size in bytes from which memory comes directly from the system within ``given_back``."""

_USUAL = 1 << 25
"""The same afterwards: as high as glibc ever sets it, since each such allocation costs time."""

FEW_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
"""Environment that limits the compiled code that torch and oneDNN cache for each length of
utterance; the default is 1,024 pieces each. With it a daemon would grow by hundreds of megabytes
over its first thousand turns. A training in bfloat16 took 1.3 GB after 70 steps instead of 0.5, and
was no faster."""


@contextmanager
def given_back() -> Generator[None, None, None]:
    """Within the block, large blocks of memory go back to the system as soon as they are freed."""
    change: Any = getattr(ctypes.CDLL(None), "mallopt", None)  # only glibc has and needs it
    if change is None:
        yield
        return
    change(_M_MMAP_THRESHOLD, _LOADING)
    try:
        yield
    finally:
        change(_M_MMAP_THRESHOLD, _USUAL)
        change(_M_TRIM_THRESHOLD, 2 * _USUAL)
