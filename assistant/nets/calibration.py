"""Confidence of a reading: word probabilities turned into the chance that all words are right.

The parameters come from logistic regressions on recordings licensed for training: tiny.en and base
for Whisper, the bundled encoder for letters. ``python -m bench.people --fit`` refits them and
prints how well they hold on held-out people, as the card of the starter models does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-3
"""Probabilities are clipped to at least this."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over word probabilities.

    Its only feature is the root of the words' mean surprisal. Of the features tried on 2026-11-29
    (mean, minimum, sum, number of words, and pairs of them) it alone stayed within 0.07 on every
    held-out collection with both sizes of Whisper.
    """

    bias: float
    slope: float  # for the root of the mean surprisal

    def __call__(self, words: Sequence[float] | NDArray[np.floating]) -> float:
        """The chance that every word is right, from their probabilities; 0 without words."""
        if not len(words):
            return 0.0
        odds = self.bias + self.slope * doubt(words)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def doubt(words: Sequence[float] | NDArray[np.floating]) -> float:
    """Root of the mean surprisal of at least one word, in nats; 0 if all are certain."""
    return math.sqrt(-float(np.log(np.clip(words, LEAST, 1.0)).mean()))


LETTERS = Calibration(bias=4.552, slope=-10.545)
"""For letters by CTC (wav2vec2 and similar) and for bridges used with them."""

WHISPER = Calibration(bias=3.401, slope=-7.57)
"""For Whisper."""
