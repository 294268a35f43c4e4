"""Greedy CTC reading of an encoder's character logits, with times and confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Span:
    """One symbol of the reading and the frames that said it."""

    symbol: int
    first_frame: int
    last_frame: int  # inclusive
    confidence: float  # highest posterior in the span, 0 to 1


def posteriors(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over symbols, shape (n_frames, n_symbols)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normalised: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return normalised


def spans(probabilities: NDArray[np.float32], blank: int) -> list[Span]:
    """Merge repeats and drop blanks.

    Args:
        probabilities: (n_frames, n_symbols).
        blank: index of CTC's blank symbol.
    """
    best = probabilities.argmax(axis=-1)
    found: list[Span] = []
    start = 0
    for at in range(1, len(best) + 1):
        if at == len(best) or best[at] != best[start]:
            symbol = int(best[start])
            if symbol != blank:
                certainty = float(probabilities[start:at, symbol].max())
                found.append(Span(symbol, start, at - 1, certainty))
            start = at
    return found


def words(found: Sequence[Span], delimiter: int) -> list[list[Span]]:
    """Group spans into words at the delimiter symbol; empty groups are dropped."""
    groups: list[list[Span]] = [[]]
    for span in found:
        if span.symbol == delimiter:
            groups.append([])
        else:
            groups[-1].append(span)
    return [group for group in groups if group]
