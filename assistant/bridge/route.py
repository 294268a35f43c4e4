"""Which way an utterance goes to the LLM (design, decision 2)."""

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
    """Which way an utterance goes to the LLM (design, decision 2).

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
    floor = settings.learned_min_confidence if learned else settings.min_confidence
    margin = settings.learned_margin if learned else settings.margin
    least = max(floor, min(1.0, transcript.confidence + margin))
    sure = prompt is not None and len(prompt.rows) > 0 and prompt.confidence >= least
    return Route.BRIDGE if accepted and sure else Route.TRANSCRIPT
