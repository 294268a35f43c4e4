"""Where requests end: how often the letters just heard have ended a request."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assistant.nets.ngram import ALPHABET, BITS

DEPTH = 12
"""Longest known suffix in letters; twelve fit into an integer."""

NOBODY_KNOWS = 0.5
"""Returned if not even the empty suffix is known."""


def suffixes(text: str) -> list[int]:
    """Packed suffixes of a text, from the empty one to the longest.

    The text has single spaces and lower-case letters; a letter outside the alphabet ends the list.
    Two spaces are put before the text, so that its beginning differs from a word boundary.
    """
    found = [1]
    number, shift = 0, 0
    for letter in reversed("  " + text):
        place = ALPHABET.find(letter)
        if place < 0 or len(found) > DEPTH:
            break
        number |= (place + 1) << shift
        shift += BITS
        found.append((1 << shift) | number)
    return found


class Ends:
    """The probability that a request is complete, by the longest known suffix.

    Args:
        tensors: ``suffixes``, int64, sorted, and ``shares``, both (n_suffixes,): how often, of all
            times a suffix ended a word, it ended a request.

    Raises:
        ValueError: if the tensors are inconsistent.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        try:
            known = tensors["suffixes"].astype(np.int64)
            shares = tensors["shares"].astype(np.float32)
        except KeyError as error:
            raise ValueError(f"{error} is missing") from None
        if known.ndim != 1 or known.shape != shares.shape:
            raise ValueError("its tables differ in length")
        if not (np.diff(known) > 0).all():
            raise ValueError("its suffixes are not in order")
        if not ((shares >= 0) & (shares <= 1)).all():
            raise ValueError("its shares are not between 0 and 1")
        self._known, self._shares = known, shares

    def after(self, text: str) -> float:
        """The probability that a request ends with this text, 0 to 1; 0 without text."""
        if not text:
            return 0.0
        share = NOBODY_KNOWS
        for number in suffixes(text):
            place = int(np.searchsorted(self._known, number))
            if place < len(self._known) and self._known[place] == number:
                share = float(self._shares[place])
        return share
