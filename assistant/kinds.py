"""The kinds of bridge: one line each, naming the module that implements it.

Settings and commands need only the names, so the modules, which need torch, are not imported here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a kind is defined."""

    module: str  # defines KIND
    networks: tuple[str, ...]  # their names in checkpoints; the first is the one trained here
    hears: bool = False  # learns from the sound itself; only retraining has it


AUTO = "auto"
"""In the settings: ``adapted`` if the recogniser's own weights can learn, else ``letters``."""

REGISTRY = {
    "adapted": Entry("assistant.bridge.kinds.adapted", ("adapted",), hears=True),
    "letters": Entry("assistant.bridge.kinds.letters", ("letters",)),
    "ctc": Entry("assistant.bridge.kinds.ctc", ("ctc",)),
    "anchored": Entry("assistant.bridge.kinds.anchored", ("anchored",)),
    "pooled": Entry("assistant.bridge.kinds.pooled", ("bridgeformer", "linear", "mlp")),
}


def known(kind: str) -> str:
    """Check a kind's name from the settings; raises ``ValueError`` if there is no such kind."""
    return _among(kind, [AUTO, *REGISTRY])


def known_network(network: str) -> str:
    """Check a network's name from a checkpoint; raises ``ValueError`` if no kind has it."""
    return _among(network, [name for entry in REGISTRY.values() for name in entry.networks])


def module_of(network: str) -> str:
    """The module of the kind that a network belongs to."""
    return next(entry.module for entry in REGISTRY.values() if network in entry.networks)


def _among(name: str, names: list[str]) -> str:
    if name not in names:
        *others, last = map(repr, names)
        raise ValueError(f"Input should be {', '.join(others)} or {last}")
    return name
