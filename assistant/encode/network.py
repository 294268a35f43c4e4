"""The encoder's network in torch, created without memory and filled tensor by tensor.

Loaded this way an encoder never needs more memory than its own weights: ``from_pretrained`` also
maps the whole file, and a model to be quantised would first be in memory in full.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.encode.folder import EncoderFolder, Weights
from assistant.encode.int8 import Int8Linear

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From the encoder's input, without a batch dimension, to frames (n_frames, dim)."""

_TRAINING_ONLY = "masked_spec_embed"
"""Not in every folder, and random if it is missing."""


def skeleton(folder: EncoderFolder, kind: str) -> Any:
    """A model of transformers in evaluation mode, without its weights.

    Args:
        folder: whose ``config.json`` it follows.
        kind: the model's class, one of those of its architecture.

    Raises:
        EncoderError: if there is no such model.
    """
    # transformers is slow to import; only the encoder needs it
    from transformers import AutoConfig  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()  # pyright: ignore[reportUnknownMemberType]
    try:
        config: Any = cast("Any", AutoConfig).from_pretrained(folder.path, local_files_only=True)
        family = folder.family
        module = import_module(f"transformers.models.{family}.modeling_{family}")
        with torch.device("meta"):
            return getattr(module, kind)(config).eval()
    except Exception as error:  # noqa: BLE001 - transformers raises whatever its parts raise
        raise folder.refuse(str(error).strip().partition("\n")[0].rstrip(".")) from None


def shapes(network: Any) -> dict[str, torch.Size]:
    """Names and shapes of the weights that take part in encoding."""
    state = cast("dict[str, Tensor]", network.state_dict())
    return {
        name: tensor.shape for name, tensor in state.items() if not name.endswith(_TRAINING_ONLY)
    }


def fill(
    network: Any,
    weights: Weights,
    is_wanted: Callable[[str], bool],
    is_quantised: Callable[[str], bool],
) -> None:
    """Give a skeleton its weights, each in memory once.

    Args:
        network: the skeleton.
        weights: from its folder.
        is_wanted: whether this weight is needed.
        is_quantised: whether the linear layer of this weight runs in int8.

    Raises:
        EncoderError: if they are incomplete or do not fit.
    """
    wanted = {name: shape for name, shape in shapes(network).items() if is_wanted(name)}
    for name, tensor in weights.all(wanted):
        place, _, leaf = name.rpartition(".")
        owner = network.get_submodule(place)
        trained = getattr(owner, leaf).requires_grad
        if isinstance(getattr(owner, leaf), nn.Parameter):
            setattr(owner, leaf, nn.Parameter(tensor, requires_grad=trained))
        else:
            setattr(owner, leaf, tensor)
        # the bias, if there is one, came before: names are in order
        if isinstance(owner, nn.Linear) and leaf == "weight" and is_quantised(name):
            above, _, last = place.rpartition(".")
            setattr(network.get_submodule(above), last, Int8Linear(owner))
    for name, module in network.named_modules():
        masked = getattr(module, _TRAINING_ONLY, None)
        if masked is not None:
            setattr(module, _TRAINING_ONLY, nn.Parameter(torch.zeros(masked.shape)))
        if name.endswith("pos_conv_embed.conv") and _is_normalised(module):
            # else its weight would be recomputed from direction and length in every pass
            nn.utils.parametrize.remove_parametrizations(module, "weight")


def running(part: nn.Module) -> Network:
    """A filled part of a network from input (1, ...) to frames (1, n_frames, dim)."""

    def run(given: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            frames: Tensor = part(torch.as_tensor(given)[None])
        return np.ascontiguousarray(frames[0].numpy(), dtype=np.float32)

    return run


def _is_normalised(module: Any) -> bool:
    """Whether its weight is stored as direction and length, and has been loaded."""
    return nn.utils.parametrize.is_parametrized(module, "weight") and not module.bias.is_meta
