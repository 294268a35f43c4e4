from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType

from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from bench.transfer import sibling
from tests.generate import toys


@pytest.mark.parametrize("kind", [GGMLQuantizationType.F32, GGMLQuantizationType.Q8_0])
def test_a_sibling_differs_by_as_much_as_is_asked_for_and_where(
    tmp_path: Path, kind: GGMLQuantizationType
) -> None:
    source = toys.write(tmp_path / "toy.gguf", toys.Toy(embedding_type=kind))
    own = GGUFFile(source)
    same = GGUFFile(sibling(source, tmp_path / "same.gguf", layers=0.1, table=0.0))
    moved = GGUFFile(sibling(source, tmp_path / "moved.gguf", layers=0.0, table=0.1))
    assert same.embedding_fingerprint == own.embedding_fingerprint != moved.embedding_fingerprint
    assert source.read_bytes() != same.path.read_bytes()
    rows, others = own.table(), moved.table()
    assert np.std(others - rows) / np.std(rows) == pytest.approx(0.1, rel=0.1)
    for each in (same, moved):
        with LlamaSession(toys.settings(each.path)) as session:
            assert session.vocabulary.size == own.n_vocab
