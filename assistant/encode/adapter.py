"""Low-rank changes of a recogniser's weights that come with Attune, and are nobody's own.

They make a public Whisper model better at everyday requests and at unclear speech, as
``generate.adapter`` makes a public language model better at talking. What somebody teaches Attune
is added on top (``assistant/bridge/kinds/adapted.py``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open

from assistant.config import EncodeSettings, starter_dir
from assistant.errors import EncoderError, MismatchError
from assistant.nets.ctranslate_weights import Changes
from assistant.values import Adaptation

BASE = "attune.base"
"""Key in the header of an adapter: the :func:`identity` of the weights it was trained on."""

BUNDLED = "whisper-base.adapter.safetensors"
"""File name of the adapter among the starter models."""

ADVICE = "Set encode.adapter to one that was made for this model, or leave it empty."

_BLOCK = 1 << 20

_PARTS = (".up", ".down")
"""What follows the name of a matrix in those of its factors."""


def identity(weights: Path) -> str:
    """Hex digest of a file of weights; raises ``OSError``."""
    digest = hashlib.sha256()
    with weights.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def adapter_for(
    settings: EncodeSettings, weights: Path, bundled: Path | None = None
) -> Adaptation | None:
    """The adapter that the settings name; if they leave it open, the bundled one if it fits.

    The bundled one was trained on English.

    Args:
        settings: which adapter.
        weights: those of the recogniser.
        bundled: an adapter in place of the one that comes with Attune.

    Raises:
        EncoderError: if the file is missing, damaged or no adapter.
        MismatchError: if it was made for another recogniser.
    """
    if settings.adapter is None:
        return None
    path = settings.adapter
    if path == "auto":
        path = bundled or starter_dir() / BUNDLED
        if settings.language != "en" or not path.is_file():
            return None
    try:
        with cast("Any", safe_open)(path, framework="numpy") as file:
            header: dict[str, str] = file.metadata() or {}
            if header.get(BASE) != identity(weights):
                if settings.adapter == "auto":
                    return None
                raise MismatchError(
                    f"{path} was made for another speech recogniser than {weights.parent}. {ADVICE}"
                )
            changes = {
                name: tuple(np.asarray(file.get_tensor(name + part), np.float32) for part in _PARTS)
                for name in sorted({key.rpartition(".")[0] for key in file.keys()})  # noqa: SIM118
            }
        version = identity(path)[:16]
    except (SafetensorError, OSError, ValueError) as error:
        raise EncoderError(
            f"{path} is missing, or no adapter that Attune can use ({error}). {ADVICE}"
        ) from None
    return Adaptation(version, cast("Changes", changes))


def together(*adaptations: Adaptation | None) -> Changes:
    """All changes as one: their factors, side by side."""
    found = [each.changes for each in adaptations if each is not None]
    return {
        name: (
            np.concatenate([each[name][0] for each in found if name in each], axis=1),
            np.concatenate([each[name][1] for each in found if name in each]),
        )
        for name in {name for each in found for name in each}
    }
