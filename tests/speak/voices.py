"""Voices in Piper's form that hum: an ONNX graph as small as can be, and its description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE = 16_000
SAMPLES_PER_ID = 500


def write(
    folder: Path,
    name: str = "hum",
    *,
    speakers: int = 1,
    work: int = 0,
    samples_per_id: int = SAMPLES_PER_ID,
    channels: int = 1,
    louder: float = 0.5,
    inputs: dict[str, int] | None = None,
    **described: object,
) -> Path:
    """Write a voice that hums as many samples as its text has phonemes, the higher their ids.

    Args:
        folder: made if it is not there.
        name: of both files.
        speakers: more than one hum at pitches of their own.
        work: rounds that it turns before it hums.
        samples_per_id: how long it hums, at a length scale of 1.
        channels: of its sound.
        louder: factor of its samples.
        inputs: others than a voice takes.
        described: other values in its description.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    if inputs is None:
        inputs = {"input": 2, "input_lengths": 1, "scales": 1}
        if speakers > 1:
            inputs["sid"] = 1
    graph = helper.make_graph(
        _nodes(speakers, work) if "scales" in inputs else [_passed_on(next(iter(inputs)))],
        "voice",
        [_input(name, rank) for name, rank in inputs.items()],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None] * 4)],
        [
            _constant("one", np.int64(1)),
            _constant("none", np.int64(0)),
            _constant("rounds", np.int64(work)),
            _constant("on", np.bool_(True)),  # noqa: FBT003
            _constant("per id", np.float32(samples_per_id * channels)),
            _constant("step", np.float32(0.001)),
            _constant("louder", np.float32(louder)),
            _constant("shape", np.array([1, 1, channels, -1])),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    description: dict[str, object] = {
        "audio": {"sample_rate": RATE, "quality": "toy"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": 256,
        "num_speakers": speakers,
        "speaker_id_map": {},
        "piper_version": "1.0.0",
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(description | described))
    return path


def _nodes(speakers: int, work: int) -> list[Any]:
    """length = sum(input_lengths) x scale; pitch = step x mean(input), and more for a speaker."""
    make = helper.make_node
    nodes = [
        make("ReduceSum", ["input_lengths"], ["ids"], keepdims=0),
        make("Cast", ["ids"], ["count"], to=TensorProto.FLOAT),
        make("Gather", ["scales", "one"], ["scale"]),
        make("Mul", ["count", "scale"], ["scaled"]),
        make("Mul", ["scaled", "per id"], ["long"]),
        make("Cast", ["long"], ["length"], to=TensorProto.INT64),
        make("Range", ["none", "length", "one"], ["whole"]),
        make("Cast", ["whole"], ["at"], to=TensorProto.FLOAT),
        make("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        make("ReduceMean", ["floats"], ["mean"], keepdims=0),
        make("Mul", ["mean", "step"], ["low"]),
        make("Mul", ["at", "pitch"], ["phase"]),
        make("Sin", ["phase"], ["sound"]),
        make("Mul", ["sound", "louder"], ["loud"]),
        make("Reshape", ["loud", "shape"], ["output"]),
    ]
    pitch = [make("Identity", ["low"], ["pitch"])]
    if speakers > 1:
        pitch = [
            make("Cast", ["sid"], ["speaker"], to=TensorProto.FLOAT),
            make("ReduceSum", ["speaker"], ["who"], keepdims=0),
            make("Mul", ["who", "step"], ["higher"]),
            make("Add", ["low", "higher"], ["pitch"]),
        ]
    if work:
        pitch[-1].output[0] = "early"
        pitch.append(make("Loop", ["rounds", "on", "early"], ["pitch"], body=_round()))
    return [*nodes[:11], *pitch, *nodes[11:]]


def _round() -> Any:
    """One round of a loop that changes nothing."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [
            helper.make_node("Identity", ["going on"], ["goes on"]),
            helper.make_node("Abs", ["before"], ["after"]),
        ],
        "round",
        [
            value("number", TensorProto.INT64, []),
            value("going on", TensorProto.BOOL, []),
            value("before", TensorProto.FLOAT, []),
        ],
        [value("goes on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, [])],
    )


def _passed_on(name: str) -> Any:
    return helper.make_node("Cast", [name], ["output"], to=TensorProto.FLOAT)


def _input(name: str, rank: int) -> Any:
    kind = TensorProto.FLOAT if name == "scales" else TensorProto.INT64
    return helper.make_tensor_value_info(name, kind, [None] * rank)


def _constant(name: str, value: Any) -> Any:
    return numpy_helper.from_array(np.asarray(value), name)
