"""Feeds a reader with bytes that nobody foresaw: ``python -m tests.fuzz.fuzzing READER SECONDS``.

A reader is a module of this folder with ``SEEDS``, files to begin with, and ``read``, which may
raise nothing. atheris chooses what comes next by which lines of Attune the last bytes reached; what
breaks a reader is left in the working directory.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

READERS = (
    "archives", "bridges", "calls", "chat", "forms", "gguf", "home", "settings", "sound", "tables",
    "wyoming",
)  # fmt: skip

MEMORY_MB = 3_000

ONE_S = 20
"""Longest time for one input."""


def mutations(seeds: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Seeds with a few random changes, always the same ones."""
    draw = random.Random(0)
    for _ in range(count):
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(data) + 1)
            match draw.randrange(4):
                case 0:
                    data[at : at + 1] = draw.randbytes(1)
                case 1:
                    del data[at : at + draw.randint(1, 16)]
                case 2:
                    data[at:at] = data[at : at + draw.randint(1, 64)] * draw.randint(1, 4)
                case _:
                    data[at : at + 4] = draw.choice((b"\0\0\0\0", b"\xff\xff\xff\x7f", b"[[[["))
        yield bytes(data)


def main(reader: str, seconds: str) -> None:
    """Feed a reader for this long; the process ends with 0 if nothing was found."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["assistant"]):
        module = import_module(f"tests.fuzz.{reader}")
    with TemporaryDirectory() as folder:
        for number, seed in enumerate(module.SEEDS):
            (Path(folder) / str(number)).write_bytes(seed)
        options = (
            f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={ONE_S}",
            f"-artifact_prefix={Path.cwd()}/", "-len_control=0",
            f"-max_len={4 * max(map(len, module.SEEDS))}", "-print_final_stats=1",
        )  # fmt: skip
        atheris.Setup([sys.argv[0], *options, folder], module.read)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
