"""Whether a reply goes round in circles, as small models do."""

from __future__ import annotations

import re

SHORTEST = 3
"""Words that are said again before that is a circle; people say "no, no, no", too."""


class Repetition:
    """The words of a reply, sentence by sentence."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def found(self, sentence: str) -> bool:
        """Whether the words up to some word of this sentence end in the same ones twice."""
        for word in re.findall(r"[\w']+", sentence.casefold()):
            self._words.append(word)
            if any(map(self._is_circle, range(1, len(self._words) // 2 + 1))):
                return True
        return False

    def _is_circle(self, period: int) -> bool:
        words, again = self._words, max(period, SHORTEST)
        if words[-1] != words[-1 - period] or len(words) < again + period:
            return False
        return words[-again:] == words[-again - period : -period]
