from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf import GGMLQuantizationType

from assistant.errors import EmbeddingPathError
from assistant.generate.embedding_path import prove
from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from tests.generate.toys import Load, Toy, settings, write

SCALES = {
    "llama": 1,
    "qwen2": 1,
    "phi3": 1,
    "stablelm": 1,
    "lfm2": 1,
    "gemma2": 1,
    "gemma3": np.sqrt(np.float32(64)),
}


@pytest.mark.parametrize("architecture", SCALES)
def test_scale_is_found_and_exact(load: Load, architecture: str) -> None:
    probe = load(Toy(architecture)).probe

    assert probe.scale == SCALES[architecture]
    assert probe.difference == 0


@pytest.mark.parametrize("architecture", SCALES)
def test_embeddings_do_exactly_what_tokens_do(load: Load, architecture: str) -> None:
    session = load(Toy(architecture), n_batch=16)
    before = session.tokenize("It is noon.\n", special=False)
    # 40 rows: longer than a batch and than the toys' sliding window.
    spoken = [int(token) for token in np.random.default_rng(3).integers(0, 256, 40)]
    header = session.tokenize("<|im_end|>\n<|im_start|>assistant\n", special=True)

    from_tokens = session.logits_after(before, spoken, header)
    from_rows = session.logits_after(before, session.gguf.rows(spoken), header)

    assert np.array_equal(from_tokens, from_rows)
    assert np.ptp(from_tokens) > 0.1


def test_other_embeddings_do_something_else(load: Load) -> None:
    session = load(Toy())

    assert not np.array_equal(
        session.logits_after(session.gguf.rows([1, 2, 3])),
        session.logits_after(session.gguf.rows([1, 2, 4])),
    )


@pytest.mark.parametrize(
    "storage",
    [
        GGMLQuantizationType.F16,
        GGMLQuantizationType.BF16,
        GGMLQuantizationType.Q8_0,
        GGMLQuantizationType.Q4_0,
        GGMLQuantizationType.Q5_1,
    ],
)
@pytest.mark.parametrize("tied", [True, False])
def test_stored_rows_are_what_llama_cpp_reads(
    load: Load, storage: GGMLQuantizationType, *, tied: bool
) -> None:
    session = load(Toy(embedding_type=storage, tied=tied))
    tokens = list(range(30, 60))

    assert session.probe.difference == 0
    assert np.array_equal(
        session.logits_after(tokens), session.logits_after(session.gguf.rows(tokens))
    )


@pytest.mark.parametrize(
    "storage",
    [
        GGMLQuantizationType.Q2_K,
        GGMLQuantizationType.Q3_K,
        GGMLQuantizationType.Q4_K,
        GGMLQuantizationType.Q5_K,
        GGMLQuantizationType.Q6_K,
    ],
)
def test_k_quantised_rows_are_what_llama_cpp_reads(
    tmp_path: Path, storage: GGMLQuantizationType
) -> None:
    full = write(tmp_path / "full.gguf", Toy(n_embd=256, n_ff=256))
    small = tmp_path / "small.gguf"
    params = llama_cpp.llama_model_quantize_default_params()
    params.nthread = 1
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M
    params.token_embedding_type = storage
    assert llama_cpp.llama_model_quantize(bytes(full), bytes(small), ctypes.pointer(params)) == 0

    with LlamaSession(settings(small)) as session:
        tokens = list(range(30, 60))

        assert session.gguf.tensors["token_embd.weight"].type == storage
        assert session.probe.difference == 0
        assert np.array_equal(
            session.logits_after(tokens), session.logits_after(session.gguf.rows(tokens))
        )


@pytest.mark.parametrize("architecture", ["gemma3n", "gemma4"])
def test_embeddings_in_every_layer_are_refused(tmp_path: Path, architecture: str) -> None:
    path = write(tmp_path / "toy.gguf", Toy(architecture))

    with pytest.raises(EmbeddingPathError, match=rf"{architecture}.*every layer.*another model"):
        LlamaSession(settings(path))


def test_positions_along_several_axes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy("qwen2vl"))

    with pytest.raises(EmbeddingPathError, match="several axes"):
        LlamaSession(settings(path))


def test_table_of_another_model_is_found_out(load: Load, tmp_path: Path) -> None:
    session = load(Toy())
    other = GGUFFile(write(tmp_path / "other.gguf", Toy(seed=1)))

    with pytest.raises(EmbeddingPathError, match="otherwise to a token than to its embedding"):
        prove(other, session._model, session._logits_after)


def test_rounding_of_another_device_is_accepted(load: Load, tmp_path: Path) -> None:
    session = load(Toy())
    rounded = GGUFFile(write(tmp_path / "half.gguf", Toy(embedding_type=GGMLQuantizationType.F16)))

    probe = prove(rounded, session._model, session._logits_after)

    assert probe.scale == 1
    assert 0 < probe.difference < 1e-3
