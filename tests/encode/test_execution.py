from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.config import EncodeSettings, starter_dir
from assistant.encode import onnx_runtime, tuning_record
from assistant.encode.encoder import Encoder, open_encoder
from assistant.encode.int8 import Int8Linear
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.errors import DependencyError, EncoderError
from tests.encode import tiny
from tests.encode.sounds import cosine, examples, said, utterance


def opened(folder: Path, cache: Path, execution: str) -> Encoder:
    return open_encoder(
        EncodeSettings.model_validate({"path": folder, "cache": cache, "execution": execution})
    )


@pytest.fixture(scope="module", params=["wav2vec2", "hubert", "wavlm", "whisper"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encoder")
    if request.param == "whisper":
        return tiny.write_whisper(place)
    return tiny.write(place, tiny.BASE, family=request.param)


ALIKE = 0.9
"""Mean cosine; with 16 dimensions and random weights a small error turns a frame far."""


def test_int8_hears_nearly_what_float_hears(folder: Path, tmp_path: Path) -> None:
    heard = utterance(30_000)
    exact = opened(folder, tmp_path, "float").encode(heard)
    rounded = opened(folder, tmp_path, "int8").encode(heard)
    assert not np.array_equal(rounded.frames, exact.frames)
    assert cosine(rounded.frames, exact.frames).mean() > ALIKE
    assert rounded.encoder == exact.encoder


def test_onnx_runtime_hears_nearly_what_float_hears(folder: Path, tmp_path: Path) -> None:
    in_float = opened(folder, tmp_path, "float")
    in_float.export(tmp_path)
    in_onnx = opened(folder, tmp_path, "onnx-int8")
    for n_samples in (30_000, 12_345):
        heard = utterance(n_samples)
        exact, rounded = in_float.encode(heard), in_onnx.encode(heard)
        assert not np.array_equal(rounded.frames, exact.frames)
        assert cosine(rounded.frames, exact.frames).mean() > ALIKE
        assert rounded.encoder == exact.encoder


def test_only_linear_layers_of_the_transformer_are_in_int8(tmp_path: Path) -> None:
    ours = opened(tiny.write(tmp_path), tmp_path, "int8")
    assert isinstance(ours, Wav2Vec2Encoder)
    kinds = {name: type(module) for name, module in ours.body.named_modules()}
    layers = [name for name in kinds if name.endswith(("_proj", "_dense"))]
    assert len(layers) == 6
    assert all(kinds[name] is Int8Linear for name in layers)
    assert kinds["feature_projection.projection"] is torch.nn.Linear
    assert all(parameter.dtype is torch.float32 for parameter in ours.body.parameters())


def test_a_layer_in_int8_has_the_weights_of_its_own() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(64, 48, bias=False)
    with torch.no_grad():
        linear.weight[7] *= 100  # each output has a scale of its own
    given = torch.randn(3, 5, 64)
    exact, rounded = linear(given), Int8Linear(linear)(given)
    error = (rounded - exact).abs().amax(dim=(0, 1)) / exact.abs().amax(dim=(0, 1))
    assert error.max() < 0.05


def test_the_starter_writes_the_same_in_int8(tmp_path: Path) -> None:
    exact = opened(starter_dir() / "encoder", tmp_path, "float")
    rounded = opened(starter_dir() / "encoder", tmp_path, "int8")
    for samples in examples()[:3]:
        ours, theirs = rounded.encode(said(samples)), exact.encode(said(samples))
        assert ours.transcript.text == theirs.transcript.text
        assert cosine(ours.frames, theirs.frames).min() > 0.99


def test_auto_is_float_until_something_was_found_better(tmp_path: Path) -> None:
    folder, cache = tiny.write(tmp_path / "encoder"), tmp_path / "cache"
    in_float = opened(folder, cache, "auto")
    assert in_float.execution == "float"
    tuning_record.remember(cache, in_float.fingerprint, "int8")
    assert opened(folder, cache, "auto").execution == "int8"
    assert opened(folder, cache, "float").execution == "float"
    tuning_record.remember(cache, "another", "float")
    assert opened(folder, cache, "auto").execution == "int8"
    other = tiny.write(tmp_path / "other", seed=1)
    assert opened(other, cache, "auto").execution == "float"


@pytest.mark.parametrize("text", ["{", "[]", '{"FINGERPRINT": "int4"}'])
def test_what_was_found_before_may_be_lost(text: str, tmp_path: Path) -> None:
    folder = tiny.write(tmp_path)
    fingerprint = opened(folder, tmp_path, "float").fingerprint
    (tmp_path / tuning_record.FILE).write_text(
        text.replace("FINGERPRINT", fingerprint), encoding="utf-8"
    )
    assert opened(folder, tmp_path, "auto").execution == "float"
    tuning_record.remember(tmp_path, fingerprint, "int8")
    assert (
        json.loads((tmp_path / tuning_record.FILE).read_text(encoding="utf-8"))[fingerprint]
        == "int8"
    )


def test_auto_does_without_onnx_runtime_where_it_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.write(tmp_path)
    in_float = opened(folder, tmp_path, "float")
    tuning_record.remember(tmp_path, in_float.fingerprint, "onnx-int8")
    assert opened(folder, tmp_path, "auto").execution == "float"
    with pytest.raises(EncoderError, match=r"not been prepared.*'assistant models tune'"):
        opened(folder, tmp_path, "onnx-int8")
    in_float.export(tmp_path)
    assert opened(folder, tmp_path, "auto").execution == "onnx-int8"
    for name in ("onnxruntime", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    assert opened(folder, tmp_path, "auto").execution == "float"
    with pytest.raises(DependencyError, match="Run: pip install onnx onnxruntime, or set"):
        opened(folder, tmp_path, "onnx-int8")
    with pytest.raises(DependencyError, match="Run: pip install onnx onnxruntime, or set"):
        in_float.export(tmp_path)


def test_an_export_that_is_damaged_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path)
    in_float = opened(folder, tmp_path, "float")
    onnx_runtime.place(tmp_path, in_float.fingerprint).write_bytes(b"no network")
    with pytest.raises(EncoderError, match=r"damaged.*Recreate it with 'assistant models tune'"):
        opened(folder, tmp_path, "onnx-int8")
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(EncoderError, match=r"Cannot write .* set encode\.cache to another folder"):
        in_float.export(in_the_way)
    with pytest.raises(EncoderError, match=r"Cannot write .* set encode\.cache to another folder"):
        tuning_record.remember(in_the_way, in_float.fingerprint, "int8")
