"""One module per kind of bridge, found by name.

A new kind is a module with a ``KIND`` and a line in ``assistant.kinds.REGISTRY``.
"""

from __future__ import annotations

from importlib import import_module

import torch
from torch import nn

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Kind, Source
from assistant.errors import CheckpointError
from assistant.kinds import AUTO, REGISTRY, module_of
from assistant.nets.projector_config import ProjectorConfig


def named(name: str) -> Kind:
    """The kind of this name, as in ``personalise.head``."""
    return import_module(REGISTRY[name].module).KIND


def fitting(name: str, source: Source) -> str:
    """The kind's name for a setting of ``personalise.head``, which may be ``AUTO``."""
    if name != AUTO:
        return name
    return "letters" if source.recogniser is None else "adapted"


def of(config: ProjectorConfig) -> Kind:
    """The kind that a network belongs to."""
    return import_module(module_of(config.kind)).KIND


def build(config: ProjectorConfig) -> nn.Module:
    """A freshly initialised network; raises ``ValueError`` if the sizes are inconsistent."""
    kind = of(config)
    if kind.is_of_llm and not config.llm_dim:
        raise ValueError(f"A {config.kind} projector needs the width of the LLM's embeddings.")
    if config.hidden % config.heads:
        raise ValueError(f"{config.heads} heads do not divide a width of {config.hidden}.")
    return kind.network(config)


def projector(found: Checkpoint) -> nn.Module:
    """A bridge's network with its weights, in float32 and evaluation mode.

    Raises:
        CheckpointError: if the weights do not match the sizes in the header.
    """
    weights = {name: t.to(torch.float32, copy=True) for name, t in found.weights.items()}
    try:
        with torch.device("meta"):  # no memory yet: a forged header may claim any size
            network = build(found.config)
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, ValueError) as error:
        detail = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(
            f"The learned weights do not fit their own header: {detail}"
        ) from None
    return network.eval()
