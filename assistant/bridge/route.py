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
    """Choose the route of an utterance.

    With "auto", an accepted bridge takes the turn if it is both confident enough and more confident
    than the transcript by a margin. A bridge that the gate accepted on this user's own speech gets
    the benefit of the doubt: it yields only to a clearly more confident transcript, such as a
    visitor's.

    Args:
        setting: the user's choice.
        prompt: the bridge's reading, if there is a bridge.
        transcript: the encoder's hypothesis.
        accepted: whether this version of the bridge has been shown to be good enough.
        learned: whether it has learned this user's speech.
        settings: the required confidence.

    Raises:
        BridgeError: if the bridge is requested but there is none.
    """
    if setting == "bridge" and prompt is None:
        raise BridgeError(
            "Nothing has been learned, which the setting 'route' demands: set bridge.path, or set "
            "'route' to 'auto'."
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
    """Largest share of what was said that a reading can contain, 0 to 1.

    A bridge's confidence covers only the tokens it emits, not those it leaves out: it read just
    "help", with 92 %, for "help me to the loo".
    """
    return min(1.0, len(heard) / max(1, len(hypothesis)))
