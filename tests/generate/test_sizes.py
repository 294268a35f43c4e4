from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from assistant.errors import GGUFError
from assistant.generate.gguf import GGUFFile
from tests.generate.bare import bare
from tests.generate.toys import Toy, write

Numbers = dict[str, Any]

ATTENTION: Numbers = {"block_count": 2, "attention.head_count": 4, "attention.head_count_kv": 2}
EXPERTS: Numbers = {"expert_count": 8, "expert_used_count": 2}


def header(path: Path, numbers: Numbers, architecture: str = "llama") -> Path:
    """A table of two tokens, 32 wide, and some numbers under the architecture's name."""

    def fill(writer: GGUFWriter) -> None:
        for name, number in numbers.items():
            key = f"{architecture}.{name}"
            if isinstance(number, list):
                writer.add_array(key, number)
            elif isinstance(number, str):
                writer.add_string(key, number)
            elif isinstance(number, float):
                writer.add_float32(key, number)
            else:
                writer.add_uint32(key, number)
        writer.add_token_list(["a", "b"])
        writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))

    return bare(path, fill, architecture)


@pytest.mark.parametrize(
    "numbers",
    [
        {"block_count": 1, "context_length": 1, "attention.layer_norm_rms_epsilon": 0.0},
        {"block_count": 512, "context_length": (1 << 31) - 1, "nextn_predict_layers": 1},
        ATTENTION | {"rope.dimension_count": 8},
        ATTENTION | {"attention.head_count_kv": [0, 2]},
        ATTENTION | {"attention.key_length": 64, "attention.value_length": 64},
        EXPERTS,
        EXPERTS | {"expert_group_count": 4, "expert_group_used_count": 2},
        EXPERTS | {"expert_group_count": 1, "expert_group_used_count": 1},
        {"rope.scaling.type": "yarn", "rope.scaling.factor": 8.0},
    ],
)
def test_headers_that_add_up_are_taken(tmp_path: Path, numbers: Numbers) -> None:
    assert GGUFFile(header(tmp_path / "a.gguf", numbers)).n_vocab == 2


@pytest.mark.parametrize(
    ("numbers", "key"),
    [
        ({"block_count": 0}, "block_count"),
        ({"block_count": 513}, "block_count"),
        ({"block_count": "two"}, "block_count"),
        ({"block_count": 2, "nextn_predict_layers": 3}, "nextn_predict_layers"),
        ({"context_length": 0}, "context_length"),
        ({"context_length": 1 << 31}, "context_length"),
        ({"attention.layer_norm_rms_epsilon": -1.0}, "attention.layer_norm_rms_epsilon"),
        ({"attention.layer_norm_epsilon": math.nan}, "attention.layer_norm_epsilon"),
        ({"rope.freq_base": math.inf}, "rope.freq_base"),
        ({"rope.scaling.type": "sideways"}, "rope.scaling.type"),
        ({"shortconv.l_cache": 1}, "shortconv.l_cache"),
        (ATTENTION | {"attention.head_count": 0}, "attention.head_count"),
        (ATTENTION | {"attention.head_count": 5}, "attention.head_count_kv"),
        (ATTENTION | {"attention.head_count_kv": [2, 3]}, "attention.head_count_kv"),
        (ATTENTION | {"rope.dimension_count": 0}, "rope.dimension_count"),
        (ATTENTION | {"rope.dimension_count": 7}, "rope.dimension_count"),
        (ATTENTION | {"rope.dimension_count": 10}, "rope.dimension_count"),
        (ATTENTION | {"rope.dimension_count": 4}, "rope.dimension_count"),
        (ATTENTION | {"attention.key_length_swa": 4}, "rope.dimension_count_swa"),
        (ATTENTION | {"attention.key_length": 0}, "attention.key_length"),
        (ATTENTION | {"attention.value_length": 16}, "attention.value_length"),
        ({"expert_count": 1_025}, "expert_count"),
        ({"expert_count": 8}, "expert_used_count"),
        ({"expert_used_count": 2}, "expert_used_count"),
        (EXPERTS | {"expert_used_count": 9}, "expert_used_count"),
        (EXPERTS | {"expert_group_count": 8}, "expert_group_count"),
        (EXPERTS | {"expert_group_count": 3, "expert_group_used_count": 1}, "expert_group_count"),
        (
            EXPERTS | {"expert_group_count": 4, "expert_group_used_count": 4},
            "expert_group_used_count",
        ),
    ],
)
def test_numbers_that_contradict_one_another_are_refused(
    tmp_path: Path, numbers: Numbers, key: str
) -> None:
    with pytest.raises(GGUFError, match=rf"llama\.{key} cannot be .*Download it again"):
        GGUFFile(header(tmp_path / "a.gguf", numbers))


def test_what_is_not_known_of_an_architecture_is_not_asked(tmp_path: Path) -> None:
    numbers = ATTENTION | {"rope.dimension_count": 4, "attention.value_length": 16}

    assert GGUFFile(header(tmp_path / "a.gguf", numbers, "deepseek2")).n_vocab == 2
    assert GGUFFile(header(tmp_path / "b.gguf", {"attention.head_count": 0}, "mamba")).n_vocab == 2


@pytest.mark.parametrize(
    ("architecture", "tensor", "storage"),
    [
        ("qwen2", "output_norm.weight", GGMLQuantizationType.F16),
        ("qwen2", "blk.0.attn_q.bias", GGMLQuantizationType.BF16),
        ("qwen3", "blk.0.attn_q_norm.weight", GGMLQuantizationType.F16),
        ("lfm2", "blk.0.shortconv.conv.weight", GGMLQuantizationType.F16),
        ("llama", "blk.0.attn_q.weight", GGMLQuantizationType.I32),
        ("llama", "blk.0.ffn_up.weight", GGMLQuantizationType.F64),
        ("llama", "token_embd.weight", GGMLQuantizationType.Q8_1),
    ],
)
def test_storage_that_nothing_multiplies_is_refused(
    tmp_path: Path, architecture: str, tensor: str, storage: GGMLQuantizationType
) -> None:
    path = write(tmp_path / "toy.gguf", Toy(architecture))
    data = bytearray(path.read_bytes())
    name = len(tensor).to_bytes(8, "little") + tensor.encode()
    dimensions = data.index(name) + len(name)
    kind = dimensions + 4 + 8 * data[dimensions]
    data[kind : kind + 4] = int(storage).to_bytes(4, "little")
    path.write_bytes(data + bytes(len(data)))  # room for the wider ones

    with pytest.raises(GGUFError, match=rf"{tensor} is stored as {storage.name}"):
        GGUFFile(path)


def test_a_layer_that_lacks_its_projections_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.gguf", Toy("phi3", without="blk.1.attn_qkv.weight"))

    with pytest.raises(GGUFError, match=r"it lacks blk\.1\.attn_q\.weight"):
        GGUFFile(path)
