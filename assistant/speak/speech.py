"""One synthesised sentence, and which characters of a text are spoken."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.values import sealed

_NOT_SPOKEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f*_`#]+")


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """One synthesised sentence."""

    samples: NDArray[np.int16]  # mono, shape (n_samples,)
    sample_rate: int

    def __post_init__(self) -> None:
        sealed(self.samples, "int16", 1, "Speech.samples")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[0] / self.sample_rate


def plain(text: str) -> str:
    """Text without the synthesisers' own commands and without unspoken marks."""
    text = text.encode("utf-8", "replace").decode()  # a command line may hold any bytes
    return _NOT_SPOKEN.sub(" ", text).replace("[[", "[ [").strip()
