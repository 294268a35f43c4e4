"""How sure a reading is: what a network says of its words, as the chance that all are right.

The parameters are those of logistic regressions on recordings that may be trained on: tiny.en and
base for Whisper, the bundled encoder for letters. ``python -m bench.people --fit`` fits them anew,
and prints how well they hold on held-out people, as the card of the starter models does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-3
"""Probabilities below this count as it."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over what is said of each word.

    Its one feature is the root of the words' mean surprisal. Of the features that were tried on
    2026-11-29 (mean, least, sum, number of words, and pairs of them) it alone held within 0.07 on
    every held-out collection with both sizes of Whisper.
    """

    bias: float
    slope: float  # for the root of the mean surprisal

    def __call__(self, words: Sequence[float] | NDArray[np.floating]) -> float:
        """The chance that every word is right, 0 to 1.

        Args:
            words: probability of each word, 0 to 1; none: there is nothing to be sure of.
        """
        if not len(words):
            return 0.0
        odds = self.bias + self.slope * doubt(words)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def doubt(words: Sequence[float] | NDArray[np.floating]) -> float:
    """Root of the mean surprisal of at least one word, in nats; 0 where all are certain."""
    return math.sqrt(-float(np.log(np.clip(words, LEAST, 1.0)).mean()))


LETTERS = Calibration(bias=4.552, slope=-10.545)
"""For letters by CTC, wav2vec2 and its kin, and what bridges read beside them."""

WHISPER = Calibration(bias=3.401, slope=-7.57)
"""For Whisper."""
