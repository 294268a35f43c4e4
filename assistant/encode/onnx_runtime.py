"""The network in ONNX Runtime, its matrix products in int8; everything else stays float."""

from __future__ import annotations

import warnings
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from assistant import durable
from assistant.encode.network import Network
from assistant.errors import DependencyError, EncoderError

OPSET = 17
"""The ONNX version to write: the oldest one with layer normalisation as one operator."""


class Length(Enum):
    """Whether a network's input has any or a fixed length."""

    ANY = "any"
    FIXED = "fixed"


def place(cache: Path, fingerprint: str) -> Path:
    """The file of the exported network with these weights."""
    return cache / f"{fingerprint}-int8.onnx"


def is_ready(path: Path) -> bool:
    """Whether there is an exported network and ONNX Runtime is installed."""
    return path.is_file() and find_spec("onnxruntime") is not None


def export(part: nn.Module, given: NDArray[np.float32], path: Path, length: Length) -> None:
    """Write a part of a network with weights per channel in int8, atomically.

    Args:
        part: from input (1, ...) to frames (1, n_frames, dim), in float32, filled.
        given: an example input, without the batch dimension.
        path: the file to write; its folder is created.
        length: of the input, the first dimension of ``given``.

    Raises:
        DependencyError: if onnx and ONNX Runtime are not installed.
        EncoderError: if it cannot be written.
    """
    onnx = _need("onnx")
    quantization = _need("onnxruntime.quantization")
    free = {"given": {1: "length"}, "frames": {1: "n_frames"}}
    try:
        durable.folder(path.parent)
        with TemporaryDirectory(dir=path.parent) as folder, warnings.catch_warnings():
            # about the older exporter, which needs no more packages, and about values it fixes
            warnings.simplefilter("ignore")
            whole, small = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            cast("Any", torch.onnx).export(
                part,
                (torch.as_tensor(given)[None],),
                str(whole),
                dynamo=False,
                opset_version=OPSET,
                input_names=["given"],
                output_names=["frames"],
                dynamic_axes=free if length is Length.ANY else None,
            )
            quantization.quantize_dynamic(
                str(whole),
                str(small),
                op_types_to_quantize=["MatMul"],
                nodes_to_exclude=_outside(onnx.load(str(whole), load_external_data=False)),
                per_channel=True,
                weight_type=quantization.QuantType.QInt8,
            )
            durable.write(path, small.read_bytes())
    except OSError as error:
        raise EncoderError(
            f"Cannot write {path} ({error.strerror}). Free some space there, or set encode.cache "
            "to another folder."
        ) from None


def running(path: Path, threads: int) -> Network:
    """An exported network from input to frames, on so many threads (0: all cores).

    Raises:
        DependencyError: if ONNX Runtime is not installed.
        EncoderError: if the file is not there, or damaged.
    """
    if not path.is_file():
        raise EncoderError(
            "This speech encoder has not been prepared for ONNX Runtime yet. Run 'assistant models "
            "tune', or set encode.execution to 'auto'."
        )
    ort = _need("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # it would keep what the longest utterance needed
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as torch's
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its exceptions share no base
        first_line = str(error).strip().partition("\n")[0]
        raise EncoderError(
            f"{path} is damaged ({first_line}). Recreate it with 'assistant models tune'."
        ) from None

    def run(given: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run(None, {"given": given[None]})[0][0]

    return run


def _outside(model: Any) -> list[str]:
    """The matrix products outside the transformer's layers, which stay float as in torch."""
    return [node.name for node in model.graph.node if "layers." not in node.name]


def _need(name: str) -> Any:
    try:
        return import_module(name)  # by name, because it is optional
    except ImportError:
        raise DependencyError(
            "To run the speech encoder in ONNX Runtime, the packages onnx and onnxruntime are "
            "needed. Run: pip install onnx onnxruntime, or set encode.execution to 'auto'."
        ) from None
