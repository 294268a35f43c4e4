"""Keeps torch and the allocator from holding what is not needed any more.

glibc takes blocks from its heap once one of their size has been freed, and what lies between them
keeps the heap as large as it ever was: wav2vec2-base in int8 took 390 MB instead of 136.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_LOADING = 1 << 18
"""Bytes from which on a block comes from the system and goes back to it within the block."""

_USUAL = 1 << 25
"""The same afterwards: as high as glibc lets it rise, since each such block costs time."""

FEW_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
"""Environment in which torch and oneDNN keep little of the code that they compile for every length
of utterance; 1,024 pieces each is what they keep by themselves. A daemon would grow by hundreds of
megabytes over its first thousand turns. A training in bfloat16 took 1.3 GB after 70 steps instead
of 0.5, and was no faster for it."""


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
