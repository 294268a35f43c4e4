"""Which way an utterance goes to the LLM (docs/architecture.md, decision 2)."""

from __future__ import annotations

from typing import Literal

from assistant.config import BridgeSettings
from assistant.errors import BridgeError
from assistant.values import Route, SoftPrompt, Transcript

RouteSetting = Literal["auto", "bridge", "transcript"]


def choose_route(
    setting: RouteSetting,
    prompt: SoftPrompt | None,
    transcript: Transcript,
    *,
    accepted: bool,
    learned: bool = False,
    settings: BridgeSettings,
) -> Route:
    """Which way an utterance goes to the LLM (docs/architecture.md, decision 2).

    Left to itself, the bridge takes a turn when its version has been accepted and it is both
    sure enough and surer than the transcript by a margin. One that the gate has accepted on this
    user's own speech gets the benefit of the doubt: it yields to a transcript that is clearly
    surer, which is what a visitor's is.

    Args:
        setting: the user's wish.
        prompt: what the bridge made of the utterance, if there is a bridge.
        transcript: the encoder's hypothesis.
        accepted: whether this version of the bridge has been shown to be good enough.
        learned: whether it has learned this user's speech.
        settings: what the bridge's confidence must reach.

    Raises:
        BridgeError: if the bridge is wished for and there is none.
    """
    if setting == "bridge" and prompt is None:
        raise BridgeError(
            "There is no bridge to take the bridge route: set bridge.path, or use another route."
        )
    if setting != "auto":
        return Route(setting)
    if prompt is None or not accepted or not len(prompt.rows):
        return Route.TRANSCRIPT
    floor, margin = settings.tuned.min_confidence, settings.tuned.margin
    sure = prompt.confidence * _share(prompt.heard, transcript.spoken)
    if learned:
        floor, margin = settings.tuned.learned_min_confidence, settings.tuned.learned_margin
        sure = prompt.confidence
    least = max(floor, min(1.0, transcript.confidence + margin))
    return Route.BRIDGE if sure >= least else Route.TRANSCRIPT


def _share(heard: str, hypothesis: str) -> float:
    """How much of what was said a reading can hold at most, 0 to 1.

    A bridge is as sure as of the tokens that it emits, and says nothing of those it leaves out:
    "help" alone, with 92 %, for "help me to the loo".
    """
    return min(1.0, len(heard) / max(1, len(hypothesis)))
