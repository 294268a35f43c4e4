"""Whether what has been said so far is a finished request, for the endpointer."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

from assistant.errors import EncoderError
from assistant.nets.ends import Ends
from assistant.values import EndReason, SpeechFeatures, Utterance

ENDS = "ends.safetensors"
"""Where requests end, beside the encoder's weights; without it only the pauses are learned."""


class Encoder(Protocol):
    """Whatever writes down what it hears."""

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance."""
        ...


class Finished:
    """How likely a request is finished, from the transcript of its sound so far."""

    def __init__(self, encoder: Encoder, ends: Ends) -> None:
        self._encoder = encoder
        self._ends = ends

    def __call__(self, samples: NDArray[np.float32]) -> float:
        """A probability from 0 to 1 for mono 16 kHz samples in [-1, 1], shape (n_samples,)."""
        so_far = Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)
        return self._ends.after(self._encoder.encode(so_far).transcript.text)


def load_ends(folder: Path) -> Ends | None:
    """What an encoder's folder knows of where requests end, if anything.

    Raises:
        EncoderError: if its table is damaged.
    """
    path = folder / ENDS
    if not path.is_file():
        return None
    try:
        return Ends(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise EncoderError(
            f"The table of request ends {path} is damaged ({error}). Fetch it again, or delete "
            "it: then only the pauses are learned."
        ) from None
