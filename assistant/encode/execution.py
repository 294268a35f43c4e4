"""Runs an encoder's network the way the settings request.

The fingerprint of features does not depend on how they were computed, so bridges and cached
features stay valid. On the bundled recordings the starter's frames have a cosine of 0.9985 and more
to those of float in torch's int8, 0.9995 in ONNX Runtime's, and every transcript is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from assistant.allocator import given_back
from assistant.config import EncodeSettings
from assistant.encode import network, onnx_runtime, tuning_record
from assistant.encode.folder import EncoderFolder, Weights
from assistant.encode.network import Network
from assistant.encode.tuning_record import Execution


@dataclass(frozen=True, slots=True, eq=False)
class Executed:
    """A network that is ready to run."""

    run: Network
    fingerprint: str
    execution: Execution


@given_back()
def execute(
    folder: EncoderFolder,
    model: Any,
    part: nn.Module,
    weights: Weights,
    settings: EncodeSettings,
    is_front: Callable[[str], bool] = lambda _: False,
) -> Executed:
    """Load a model's weights and make one part of it ready to run.

    Args:
        folder: the encoder's.
        model: its skeleton.
        part: the part of the model that runs in float, int8 or ONNX Runtime, up to the frames.
        weights: the model's.
        settings: choose among these.
        is_front: whether a weight comes before that part, which always runs in torch.

    Raises:
        AttuneError: if the weights are incomplete, or what should run them is not installed.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    fingerprint = weights.fingerprint(network.shapes(model))
    exported = onnx_runtime.place(settings.cache, fingerprint)
    execution = settings.execution
    if execution == "auto":
        execution = tuning_record.recall(settings.cache, fingerprint)
        if execution == "onnx-int8" and not onnx_runtime.is_ready(exported):
            execution = "float"
    if execution == "onnx-int8":
        network.fill(model, weights, is_front, lambda _: False)
        return Executed(onnx_runtime.running(exported, settings.threads), fingerprint, execution)

    def is_quantised(name: str) -> bool:
        # WavLM's attention does not call its linear layers but uses their weights
        called = folder.family != "wavlm" or ".attention." not in name
        return execution == "int8" and "layers." in name and called

    network.fill(model, weights, lambda _: True, is_quantised)
    return Executed(network.running(part), fingerprint, execution)
