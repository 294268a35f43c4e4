"""GGUFs with hardly anything in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gguf import GGUFWriter


def bare(
    path: Path, fill: Callable[[GGUFWriter], None], architecture: str = "llama", width: int = 32
) -> Path:
    """A GGUF with no more in it than ``fill`` puts there."""
    writer = GGUFWriter(str(path), architecture)
    writer.add_embedding_length(width)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
