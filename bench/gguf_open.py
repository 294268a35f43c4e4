"""What opening a model file and reading a few embeddings costs.

Writes a GGUF with the token table of Llama-3.2-1B in its true size (128,256 rows of 2,048 in
Q6_K, random) and a vocabulary with as many tokens and merges, but no layers. Then opens it and
reads 30 embeddings, each time in a process of its own: with Attune's ``GGUFFile`` and, in turn,
with ``gguf.GGUFReader``. Prints the median time and the memory that both added to the process
at its peak, after the modules were imported, and the ratios.

    .venv/bin/python -m bench.gguf_open
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, TokenType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from numpy.typing import NDArray

from assistant.generate.gguf import EMBEDDINGS, GGUFFile

WIDTH = 2_048
N_VOCAB = 128_256
N_MERGES = 280_147
N_SPECIAL = 256
ROWS = np.linspace(0, N_VOCAB - 1, 30).astype(np.int64)
STORAGE = GGMLQuantizationType.Q6_K


@dataclass(frozen=True)
class Cost:
    """What one process spent."""

    ms: float
    megabytes: float
    digest: str  # of the rows


def words() -> Iterator[str]:
    """Made-up words, each once, about as long as the tokens of a real vocabulary."""
    letters = "etaoinshrdlucmfw"
    for length in (1, 2, 3, 4, 5):
        for chosen in product(letters, repeat=length):
            yield "".join(chosen)
            yield "Ġ" + "".join(chosen) + "er"


def write(path: Path) -> None:
    """Write the file."""
    dice = random.Random(0)  # noqa: S311 - seeded randomness is the point
    known = list(islice(words(), N_VOCAB - N_SPECIAL))
    tokens = [*known, *(f"<|reserved_special_token_{number}|>" for number in range(N_SPECIAL))]
    writer = GGUFWriter(str(path), "llama")
    writer.add_embedding_length(WIDTH)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * len(known) + [TokenType.CONTROL] * N_SPECIAL)
    writer.add_token_merges([f"{dice.choice(known)} {dice.choice(known)}" for _ in range(N_MERGES)])
    block, size = GGML_QUANT_SIZES[STORAGE]
    raw = np.random.default_rng(0).integers(0, 256, (N_VOCAB, WIDTH // block, size), np.uint8)
    raw[..., -2:] = np.frombuffer(np.float16(1e-3).tobytes(), np.uint8)  # the scale of a block
    writer.add_tensor(EMBEDDINGS, raw.reshape(N_VOCAB, -1), raw_dtype=STORAGE)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def with_attune(path: Path) -> NDArray[np.float32]:
    """The rows as Attune reads them."""
    return GGUFFile(path).rows(ROWS)


def with_reader(path: Path) -> NDArray[np.float32]:
    """The rows as gguf's own reader gives them."""
    tensors = GGUFReader(path).tensors
    table = next(tensor for tensor in tensors if tensor.name == EMBEDDINGS)
    return dequantize(table.data[ROWS], table.tensor_type)


READERS: dict[str, Callable[[Path], NDArray[np.float32]]] = {
    "GGUFFile": with_attune,
    "GGUFReader": with_reader,
}


def resident(key: str) -> float:
    """Megabytes of this process: ``VmRSS`` now, ``VmHWM`` at the peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition(f"{key}:")[2].split()[0]) / 1_024


def spend(reader: str, path: Path) -> Cost:
    """Read the rows once, in this process."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = resident("VmRSS")
    began = time.perf_counter()
    rows = READERS[reader](path)
    ms = (time.perf_counter() - began) * 1_000
    return Cost(ms, resident("VmHWM") - before, hashlib.sha256(rows.tobytes()).hexdigest())


def spent(reader: str, path: Path) -> Cost:
    """Read the rows once, in a process of their own."""
    command = [sys.executable, "-m", "bench.gguf_open", "--read-with", reader, str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    return Cost(**json.loads(done.stdout))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read-with", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("file", nargs="?", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read_with:
        cost = spend(arguments.read_with, arguments.file)
        print(json.dumps({"ms": cost.ms, "megabytes": cost.megabytes, "digest": cost.digest}))
        return
    costs: dict[str, list[Cost]] = {reader: [] for reader in READERS}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.gguf"
        write(path)  # and so into the page cache
        for _ in range(arguments.rounds):
            for reader in READERS:
                costs[reader].append(spent(reader, path))
    if len({cost.digest for some in costs.values() for cost in some}) != 1:
        raise SystemExit("The two readers do not agree.")
    ms = {reader: statistics.median(cost.ms for cost in some) for reader, some in costs.items()}
    mb = {r: statistics.median(cost.megabytes for cost in some) for r, some in costs.items()}
    print(f"{'open and 30 rows':<18}{'ms':>10}{'MB at peak':>12}")
    for reader in READERS:
        print(f"{reader:<18}{ms[reader]:>10.1f}{mb[reader]:>12.1f}")
    faster, leaner = (by["GGUFReader"] / by["GGUFFile"] for by in (ms, mb))
    print(f"ratio: {faster:.0f} times faster, {leaner:.0f} times leaner")
    print(
        json.dumps(
            {
                "bench": "gguf_open",
                "median_ms": {reader: round(value, 1) for reader, value in ms.items()},
                "median_mb": {reader: round(value, 1) for reader, value in mb.items()},
                "faster": round(faster, 1),
                "leaner": round(leaner, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
