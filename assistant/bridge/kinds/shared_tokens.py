"""The tokens that two language models share, and the map between their embedding tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from assistant.bridge.language import Tokens
from assistant.errors import BridgeError
from assistant.nets.alignment import LinearMap

MOST = 8_000
"""Most shared tokens used to fit a map."""

LEAST = 64
"""Shared tokens below which no map can be fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Tokens with equal texts in two language models."""

    old: NDArray[np.int64]  # (n,)
    new: NDArray[np.int64]  # (n,)

    @classmethod
    def between(cls, old: Tokens, new: Tokens) -> Shared:
        """Match tokens of whole characters by text; raises ``BridgeError`` if there are too few."""
        places = texts_of(new)
        pairs = [(token, places[text]) for text, token in texts_of(old).items() if text in places]
        if len(pairs) < LEAST:
            raise strangers(len(pairs))
        both = np.array(pairs, np.int64)
        return cls(both[:, 0], both[:, 1])

    def chosen(self, first: Iterable[int]) -> Shared:
        """At most ``MOST`` pairs in random order, preferring these tokens of the new model."""
        named = np.isin(self.new, np.array(sorted(set(first)), np.int64))
        order = np.random.default_rng(0).permutation(len(self.old))
        order = order[np.argsort(~named[order], kind="stable")][:MOST]
        np.random.default_rng(1).shuffle(order)
        return Shared(self.old[order], self.new[order])

    def counterparts(self, tokens: Iterable[int]) -> set[int]:
        """The new model's tokens for those of the old one that have a counterpart."""
        places = dict(zip(self.old.tolist(), self.new.tolist(), strict=True))
        return {places[token] for token in tokens if token in places}


def texts_of(language: Tokens) -> dict[str, int]:
    """Texts of tokens without control tokens and partial characters; the last of equal ones."""
    texts = ((language.text([token]), token) for token in range(language.size))
    return {text: token for text, token in texts if text and "\ufffd" not in text}


def floats(weights: Mapping[str, Tensor], *names: str) -> list[Tensor]:
    """Some of a bridge's weights, in float32."""
    return [weights[name].float() for name in names]


def described(found: LinearMap, count: int) -> str:
    """Describes the accuracy of a map fitted on ``count`` tokens."""
    return (
        f"Map: {found.kind} over {count} shared tokens, finding the right token for "
        f"{100 * found.accuracy:.0f} % of those it was not fitted on"
    )


def strangers(count: int) -> BridgeError:
    """The error for two models that share too few tokens."""
    return BridgeError(
        f"The two language models share {count} tokens, too few to transfer a bridge. "
        "'assistant bridge bootstrap' makes a new one for this pair."
    )
