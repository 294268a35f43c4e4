"""Which low-rank adapter a language model is used with, if any.

An adapter is small matrices that are added to a model's weights (LoRA): it changes how the model
answers, and leaves its token table alone, so bridges keep.
"""

from __future__ import annotations

from pathlib import Path

from gguf.constants import GGMLQuantizationType as Storage

from assistant.config import GenerateSettings, starter_dir
from assistant.errors import GGUFError, MismatchError
from assistant.generate.gguf import EMBEDDINGS, GGUFFile, GGUFHeader

BASE = "attune.base"
"""Metadata key of an adapter: the :func:`identity` of the model that it was trained on."""

BUNDLED = "smollm2-135m.adapter.gguf"
"""File name of the adapter among the starter models."""

ADVICE = "Set generate.adapter to one that was made for this model, or leave it empty."

_SETTING = "generate.adapter"


def identity(model: GGUFFile) -> str:
    """Tells a model file from every other, without reading all of it."""
    return f"{model.embedding_fingerprint}-{model.size}"


def adapter_for(
    settings: GenerateSettings, model: GGUFFile, bundled: Path | None = None
) -> Path | None:
    """The adapter that the settings name; if they leave it open, the bundled one if it fits.

    Args:
        settings: which model, and which adapter.
        model: the model.
        bundled: an adapter in place of the one that comes with Attune.

    Raises:
        GGUFError: if the file is missing, damaged or no adapter.
        MismatchError: if it was made for another model.
    """
    if settings.adapter != "auto":
        if settings.adapter is not None:
            _check(settings.adapter, model)
        return settings.adapter
    bundled = bundled or starter_dir() / BUNDLED
    fits = bundled.is_file() and GGUFHeader(bundled, _SETTING).get(BASE) == identity(model)
    return bundled if fits else None


def _check(path: Path, model: GGUFFile) -> None:
    """Refuse what would break the embedding path, or abort the process inside llama.cpp."""
    header = GGUFHeader(path, _SETTING)
    is_adapter = header.get("general.type") == "adapter" and header.get("adapter.type") == "lora"
    plain = all(tensor.type in (Storage.F32, Storage.F16) for tensor in header.tensors.values())
    if not (is_adapter and plain and isinstance(header.get("adapter.lora.alpha"), float)):
        raise GGUFError(f"{path} is not a low-rank adapter that Attune can use. {ADVICE}")
    if header.get(BASE) not in (None, identity(model)):
        raise MismatchError(f"{path} was made for another model than {model.path.name}. {ADVICE}")
    if any(name.startswith(EMBEDDINGS) for name in header.tensors):
        raise MismatchError(
            f"{path} changes the model's words themselves, so speech could not reach it. {ADVICE}"
        )
