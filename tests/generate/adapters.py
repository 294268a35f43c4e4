"""Writes tiny low-rank adapters for toy models."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from assistant.generate.adapter import BASE, identity
from assistant.generate.gguf import GGUFFile

RANK = 2


def write(
    path: Path,
    model: GGUFFile,
    *,
    base: str | None = None,
    kind: str = "adapter",
    tensor: str = "blk.0.ffn_down.weight",
    n_out: int | None = None,
) -> Path:
    """Write an adapter that changes one weight of a model a lot, and return its path.

    Args:
        path: the file.
        model: the model whose weight is changed.
        base: which model it says that it was made for; by default this one.
        kind: what it says that it is.
        tensor: the weight.
        n_out: rows of the change, if not those of the weight.
    """
    rng = np.random.default_rng(3)
    n_in, rows = model.tensors[tensor].shape
    writer = gguf.GGUFWriter(path, model.architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_string(BASE, identity(model) if base is None else base)
    for name, shape in (("lora_a", (RANK, n_in)), ("lora_b", (n_out or rows, RANK))):
        writer.add_tensor(f"{tensor}.{name}", rng.standard_normal(shape).astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
