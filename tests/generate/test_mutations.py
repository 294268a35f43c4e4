from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.generate.families import FAMILIES
from tests.generate.mutations import WORKS, loaded, mutated, parts_of
from tests.generate.toys import CHATML, write

N_EACH = 20  # of eleven families


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("mutants")
    paths: list[Path] = []
    for seed, (name, family) in enumerate(FAMILIES.items()):
        whole = write(folder / f"{name}.gguf", replace(family.toy, template=CHATML))
        data, parts = whole.read_bytes(), parts_of(whole)
        random = np.random.default_rng(seed)
        for number in range(N_EACH):
            paths.append(folder / f"{name}-{number}.gguf")
            paths[-1].write_bytes(mutated(data, parts, random))
    return paths


@pytest.mark.parametrize("batch", range(2))
def test_damaged_models_never_end_the_process(mutants: list[Path], batch: int) -> None:
    mutants = mutants[batch::2]

    outcome = loaded(mutants)

    assert outcome.status == 0, (mutants[len(outcome.said)], outcome.errors)
    assert len(outcome.said) == len(mutants) >= 100
    assert all(said.isprintable() for said in outcome.said)
    # Some bytes say little: a letter of a token, or a number that nothing depends on.
    assert 60 < sum(said != WORKS for said in outcome.said) < 110
