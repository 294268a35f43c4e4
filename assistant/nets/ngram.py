"""A character n-gram, for decoding CTC output into words that exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ALPHABET = " abcdefghijklmnopqrstuvwxyz'"
"""Symbol i is packed as i + 1; texts have a space at both ends."""

BITS = 5
"""Bits per symbol; a leading 1 marks an n-gram's length, which makes its number unique."""

START = (1 << BITS) | 1
"""The state before the first letter: a space."""

BEGINNING = 1
"""The state in which nothing is known, not even a space."""

MAX_ORDER = 12


def pack(symbols: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Numbers of all n-grams of length ``order`` in a text, (n_symbols - order + 1,).

    ``symbols`` are places in the alphabet, from 1, (n_symbols,).
    """
    count = max(0, len(symbols) - order + 1)
    packed = np.ones(count, np.int64)
    for at in range(order):
        packed = (packed << BITS) | symbols[at : at + count]
    return packed


class CharNgram:
    """A back-off model: log probabilities and back-off weights of known n-grams.

    Args:
        tensors: ``ngrams``, int64, sorted, with natural-log ``log_probs`` and ``log_backoffs``, all
            (n_ngrams,); ``order``, int64, (1,).

    Raises:
        ValueError: if the tensors are inconsistent.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        try:
            self._ngrams = tensors["ngrams"].astype(np.int64)
            self._log_probs = tensors["log_probs"].astype(np.float32)
            self._log_backoffs = tensors["log_backoffs"].astype(np.float32)
            self.order = int(tensors["order"][0])
        except (KeyError, IndexError) as error:
            raise ValueError(f"{error} is missing") from None
        if not (self._ngrams.shape == self._log_probs.shape == self._log_backoffs.shape):
            raise ValueError("its tables differ in length")
        in_order = len(self._ngrams) > 0 and bool((np.diff(self._ngrams) > 0).all())
        if not (1 <= self.order <= MAX_ORDER and in_order):
            raise ValueError("its n-grams are not in order")
        self._following: dict[int, NDArray[np.float32]] = {}

    def following(self, state: int) -> NDArray[np.float32]:
        """Log probability of every symbol of the alphabet after a state, shape (28,)."""
        known = self._following.get(state)
        if known is None:
            known = self._look_up(state)
            if len(self._following) > 200_000:
                self._following.clear()
            self._following[state] = known
        return known

    def following_each(self, states: Sequence[int]) -> NDArray[np.float32]:
        """What follows each of some states, shape (n_states, 28)."""
        rows = [self.following(state) for state in states]
        return np.array(rows, np.float32).reshape(-1, len(ALPHABET))

    def advance(self, state: int, symbol: int) -> int:
        """The state after one more symbol, given by its place in the alphabet from 0."""
        state = (state << BITS) | (symbol + 1)
        most = BITS * (self.order - 1)
        if state.bit_length() - 1 > most:
            state = (1 << most) | (state & ((1 << most) - 1))
        return state

    def _look_up(self, state: int) -> NDArray[np.float32]:
        # the continuations of a state are adjacent in the sorted table
        first = state << BITS
        place, start, end = self._ngrams.searchsorted(
            np.array((state, first, first + (1 << BITS)))
        ).tolist()
        if state == BEGINNING:
            found = np.full(len(ALPHABET), -20.0, np.float32)
        else:
            shorter = state.bit_length() - 1 - BITS
            found = self.following((1 << shorter) | (state & ((1 << shorter) - 1)))
            if place < len(self._ngrams) and self._ngrams[place] == state:
                found = found + self._log_backoffs[place]
            elif end > start:
                found = found.copy()
        if end > start:
            found[self._ngrams[start:end] - first - 1] = self._log_probs[start:end]
        return found  # that of the shorter state itself where nothing more is known
