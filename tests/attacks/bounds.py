"""Bounds for what an attack may cost, so that a bomb fails its test and not the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MEMORY = 3_000_000_000
"""Bytes of address space; torch is not needed here."""

SECONDS = 120

PROCESSOR_SECONDS = 60
"""Of one command, on any number of cores."""

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
sys.argv = {words!r}
runpy.run_module("assistant", run_name="__main__")
"""


def command(
    home: Path, words: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What an ``assistant`` command does within the bounds.

    Args:
        home: where its settings and its journal are.
        words: its arguments.
        environment: more variables.
    """
    env = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "ATTUNE_JOURNAL__PATH": str(home / "journal.db"),
    }
    program = LIMITED.format(memory=MEMORY, seconds=PROCESSOR_SECONDS, words=["assistant", *words])
    return subprocess.run(
        [sys.executable, "-c", program],
        env=env | dict(environment or {}),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
