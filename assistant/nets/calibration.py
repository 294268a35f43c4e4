"""How sure a reading is: what a network says of its words, as the chance that all are right.

The parameters are those of logistic regressions on recordings that may be trained on, fitted on
2026-11-29; ``python -m bench.people --fit`` fits them anew in the same way. How well they hold on
held-out people is in the card of the starter models.
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
    """A logistic regression over what is said of each word."""

    bias: float
    mean: float  # for the mean natural logarithm of the words' probabilities
    length: float  # for the logarithm of the number of words

    def __call__(self, words: Sequence[float] | NDArray[np.floating]) -> float:
        """The chance that every word is right, 0 to 1.

        Args:
            words: probability of each word, 0 to 1; none: there is nothing to be sure of.
        """
        return self.chance(evidence(words)) if len(words) else 0.0

    def chance(self, found: tuple[float, float]) -> float:
        """The same from what ``evidence`` found."""
        odds = self.bias + self.mean * found[0] + self.length * found[1]
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def evidence(words: Sequence[float] | NDArray[np.floating]) -> tuple[float, float]:
    """What the regression sees of at least one word: mean logarithm, and that of the length."""
    logs = np.log(np.clip(words, LEAST, 1.0))
    return float(logs.mean()), math.log(len(words))


LETTERS = Calibration(bias=2.926, mean=11.121, length=-0.327)
"""For letters by CTC, wav2vec2 and its kin, and what bridges read beside them."""

WHISPER = Calibration(bias=4.601, mean=7.11, length=-1.456)
"""For Whisper."""
