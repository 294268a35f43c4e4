"""No bytes from outside do more than cost a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.attacks.bounds import ROOT
from tests.fuzz.fuzzing import READERS, mutations

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))

MUTATIONS = 60


@pytest.mark.parametrize("reader", READERS)
def test_a_few_changes_break_no_reader(reader: str) -> None:
    module = import_module(f"tests.fuzz.{reader}")
    for data in (*module.SEEDS, b"", *mutations(module.SEEDS, MUTATIONS)):
        module.read(data)


@pytest.mark.soak
@pytest.mark.parametrize("reader", READERS)
def test_nothing_that_is_found_in_a_minute_breaks_a_reader(reader: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or machine")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzzing", reader, str(SECONDS)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    left = [path.name for path in tmp_path.iterdir()]
    assert (done.returncode, left) == (0, []), done.stderr[-4_000:]
