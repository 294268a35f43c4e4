from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from gguf import GGMLQuantizationType

from assistant.errors import EmbeddingPathError
from assistant.generate.embedding_path import prove
from assistant.generate.gguf import GGUFFile
from assistant.generate.llama import LlamaSession
from tests.generate.asking import logits_after
from tests.generate.families import FAMILIES
from tests.generate.toys import Load, Toy, settings, write

PROJECTION = b"blk.1.attn_output.weight"
PER_LAYER = b"per_layer_token_embd.weight"


@pytest.mark.parametrize("family", FAMILIES)
def test_scale_is_found_and_exact(load: Load, family: str) -> None:
    toy = FAMILIES[family].toy
    probe = load(toy).probe

    assert probe.scale == (np.sqrt(np.float32(64)) if toy.architecture == "gemma3" else 1)
    assert probe.difference == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_do_exactly_what_tokens_do(load: Load, family: str) -> None:
    session = load(FAMILIES[family].toy, n_batch=16)
    before = session.tokenize("It is noon.\n", special=False)
    # 40 rows: longer than a batch and than the toys' sliding window.
    spoken = [int(token) for token in np.random.default_rng(3).integers(0, 256, 40)]
    header = session.tokenize("<|im_end|>\n<|im_start|>assistant\n", special=True)

    from_tokens = logits_after(session, before, spoken, header)
    from_rows = logits_after(session, before, session.gguf.rows(spoken), header)

    assert np.array_equal(from_tokens, from_rows)
    assert np.ptp(from_tokens) > 0.1


def test_other_embeddings_do_something_else(load: Load) -> None:
    session = load(Toy())

    assert not np.array_equal(
        logits_after(session, session.gguf.rows([1, 2, 3])),
        logits_after(session, session.gguf.rows([1, 2, 4])),
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
        logits_after(session, tokens), logits_after(session, session.gguf.rows(tokens))
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
            logits_after(session, tokens), logits_after(session, session.gguf.rows(tokens))
        )


@pytest.mark.parametrize("architecture", ["gemma3n", "gemma4"])
def test_embeddings_in_every_layer_are_refused(tmp_path: Path, architecture: str) -> None:
    path = write(tmp_path / "toy.gguf", Toy(architecture))

    with pytest.raises(EmbeddingPathError, match=rf"{architecture}.*every layer.*another model"):
        LlamaSession(settings(path))


def test_embeddings_in_every_layer_are_refused_whatever_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy())
    old, new = (struct.pack("<Q", len(name)) + name for name in (PROJECTION, PER_LAYER))
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, new) + bytes(64))  # the header has grown

    with pytest.raises(EmbeddingPathError, match="every layer"):
        LlamaSession(settings(path))


@pytest.mark.parametrize("architecture", ["qwen2vl", "qwen3vl"])
def test_positions_along_several_axes_are_refused(tmp_path: Path, architecture: str) -> None:
    path = write(tmp_path / "toy.gguf", Toy(architecture))

    with pytest.raises(EmbeddingPathError, match=rf"{architecture}.*several axes.*another model"):
        LlamaSession(settings(path))


def test_a_model_that_looks_both_ways_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy(causal=False))

    with pytest.raises(EmbeddingPathError, match=r"word by word.*another model"):
        LlamaSession(settings(path))


def test_a_vocabulary_without_english_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy(mute=True))

    with pytest.raises(EmbeddingPathError, match=r"cannot write English.*another model"):
        LlamaSession(settings(path))


def test_table_of_another_model_is_found_out(load: Load, tmp_path: Path) -> None:
    session = load(Toy())
    other = GGUFFile(write(tmp_path / "other.gguf", Toy(seed=1)))

    with pytest.raises(EmbeddingPathError, match="differently from its embedding"):
        prove(other, session._model, session._logits_after)


def test_rounding_of_another_device_is_accepted(load: Load, tmp_path: Path) -> None:
    session = load(Toy())
    rounded = GGUFFile(write(tmp_path / "half.gguf", Toy(embedding_type=GGMLQuantizationType.F16)))

    probe = prove(rounded, session._model, session._logits_after)

    assert probe.scale == 1
    assert 0 < probe.difference < 1e-3
