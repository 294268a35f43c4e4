"""Weights in CTranslate2's format: read, and changed in memory."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.config import starter_dir
from assistant.nets.ctranslate_weights import changed, read

STARTER = starter_dir() / "whisper" / "model.bin"
MATRIX = "encoder/layer_0/ffn/linear_1/weight"
NUMBERS = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}


def written(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> Path:
    """A file as CTranslate2 writes it."""

    def named(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    parts = [struct.pack("<I", 6), named("WhisperSpec"), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        parts += [named(name), struct.pack("<B", array.ndim)]
        parts += [struct.pack(f"<{array.ndim}I", *array.shape)]
        parts += [struct.pack("<BI", NUMBERS[array.dtype.name], array.nbytes), array.tobytes()]
    path.write_bytes(b"".join([*parts, struct.pack("<I", 0)]))
    return path


def factors(outputs: int, inputs: int, size: float) -> tuple[NDArray[np.float32], ...]:
    rng = np.random.default_rng(0)
    up, down = rng.standard_normal((outputs, 2)), rng.standard_normal((2, inputs))
    return (size * up).astype(np.float32), down.astype(np.float32)


def test_weights_in_int8_are_multiplied_out() -> None:
    found = read(STARTER)
    assert found[MATRIX].shape == (384, 1536)
    assert found[MATRIX].dtype == np.float32
    assert 0.01 < found[MATRIX].std() < 0.2
    assert not any(name.endswith("_scale") for name in found)
    assert found["encoder/conv1/weight"].shape == (384, 80, 3)


def test_in_int8_a_change_is_added_within_half_a_step_and_nothing_else_changes(
    tmp_path: Path,
) -> None:
    up, down = factors(384, 1536, 0.01)
    after = tmp_path / "model.bin"
    after.write_bytes(changed(STARTER, {MATRIX: (up, down)}))
    old, new = read(STARTER), read(after)
    wanted = old[MATRIX] + up @ down
    half_a_step = np.abs(wanted).max(axis=1, keepdims=True) / 127 / 2
    assert (np.abs(new[MATRIX] - wanted) <= 1.01 * half_a_step).all()
    assert np.abs(wanted - old[MATRIX]).max() > 3 * half_a_step.max()
    assert [name for name in old if not np.array_equal(old[name], new[name])] == [MATRIX]


def test_in_float16_a_change_is_added(tmp_path: Path) -> None:
    matrix = np.arange(6, dtype=np.float16).reshape(2, 3)
    path = written(tmp_path / "model.bin", {"a/weight": matrix, "b": np.ones(2, np.float16)})
    up, down = np.array([[1], [2]], np.float32), np.array([[1, 0, 0.5]], np.float32)
    path.write_bytes(changed(path, {"a/weight": (up, down)}))
    found = read(path)
    np.testing.assert_array_equal(found["a/weight"], [[1, 1, 2.5], [5, 4, 6]])
    np.testing.assert_array_equal(found["b"], [1, 1])


def test_without_a_change_the_contents_stay() -> None:
    assert changed(STARTER, {}) == STARTER.read_bytes()


@pytest.mark.parametrize(("name", "shape"), [("nowhere/weight", (384, 1536)), (MATRIX, (384, 384))])
def test_what_the_file_lacks_is_refused(name: str, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="has no"):
        changed(
            STARTER,
            {name: (np.zeros((shape[0], 1), np.float32), np.zeros((1, shape[1]), np.float32))},
        )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    for length in (3, 40, 5_000):
        path.write_bytes(STARTER.read_bytes()[:length])
        with pytest.raises(ValueError, match=r"damaged|cut off"):
            read(path)
