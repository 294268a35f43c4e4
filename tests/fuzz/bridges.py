"""Bridges: the header of a safetensors file, and what it says."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from safetensors.numpy import save  # pyright: ignore[reportUnknownVariableType]

from assistant.bridge import checkpoint
from assistant.errors import AttuneError
from tests.fuzz.place import put

_HEADER = {
    "format": checkpoint.FORMAT,
    "config": '{"kind": "linear", "encoder_dim": 2, "llm_dim": 2}',
    "encoder": "e",
    "table": "t",
    "pad": "0",
    "accepted": "true",
    "provenance": "{}",
}

SEEDS = [save({"tokens": np.arange(4), "body.bias": np.zeros(2, np.float32)}, metadata=_HEADER)]


def read(data: bytes) -> None:
    path = put("bridge.safetensors", data)
    with suppress(AttuneError):
        checkpoint.pair(path)
    with suppress(AttuneError):
        checkpoint.read(path)


read(SEEDS[0])  # torch is imported with the first, which takes long
