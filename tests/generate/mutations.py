"""Lying GGUFs, and a process that loads them: ``python -m tests.generate.mutations FILE...``.

The process writes one line for each file it has got through, so that the last line tells which
one ended it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.errors import AttuneError
from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from tests.generate.asking import ask, soft
from tests.generate.toys import settings

WORKS = "works"


@dataclass(frozen=True)
class Outcome:
    """How a process that loaded some files ended, and what it said of each."""

    status: int
    said: list[str]
    errors: str


def parts_of(path: Path) -> list[tuple[int, int]]:
    """From where to where the numbers, the vocabulary and the table of tensors go."""
    data = path.read_bytes()
    vocabulary = data.index(b"tokenizer.ggml")
    table = data.index(b"token_embd.weight")
    end = min(tensor.offset for tensor in GGUFFile(path).tensors.values())
    return [(4, vocabulary), (vocabulary, table), (table, end)]


def mutated(data: bytes, parts: list[tuple[int, int]], random: np.random.Generator) -> bytes:
    """The file with one to three changes in one part of its header."""
    part = parts[random.integers(len(parts))]
    changed = bytearray(data)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(*part))
        some = random.bytes(int(random.integers(1, 17)))
        match int(random.integers(6)):
            case 0 | 1:
                changed[at] ^= 1 << int(random.integers(8))
            case 2:
                changed[at] = some[0]
            case 3:
                extreme = int(random.choice([0, 1, 1 << 31, (1 << 32) - 1]))
                changed[at : at + 4] = extreme.to_bytes(4, "little")
            case 4:
                del changed[at : at + len(some)]
            case _:
                changed[at:at] = some
    return bytes(changed)


def loaded(paths: Sequence[Path]) -> Outcome:
    """Load files in a process of their own."""
    command = [sys.executable, "-m", "tests.generate.mutations", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=False)
    lines = done.stdout.decode().splitlines()
    return Outcome(done.returncode, lines, done.stderr.decode("utf-8", "replace"))


def _load(path: Path) -> str:
    try:
        with LlamaSession(settings(path, max_tokens=2)) as session:
            list(ask(session, " hello you"))
            list(ask(session, soft(session, " hello you"), "It is noon."))
    except AttuneError as error:
        return str(error)
    return WORKS


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        sys.stdout.write(_load(path) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
