"""How an utterance is read: by which route, and as which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings
from assistant.dialogue import Understood
from assistant.values import Route, SoftPrompt, SpeechFeatures

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


@dataclass(frozen=True, slots=True)
class Reading:
    """An utterance as the chosen route reads it."""

    features: SpeechFeatures
    bridge: Bridge | None  # that made the soft prompt
    prompt: SoftPrompt | None
    route: Route
    second: tuple[str, float] | None = None  # a command found by its sound, and its confidence

    def understood(self, turn_id: int, *, over_reply: bool = False) -> Understood:
        """The utterance as the dialogue policy judges it."""
        prompt, transcript = self.prompt, self.features.transcript
        if self.route is Route.TRANSCRIPT or prompt is None:
            return Understood(
                turn_id,
                transcript.text,
                transcript.confidence,
                over_reply=over_reply,
                second=self.second,
            )
        words = prompt.heard if len(prompt.rows) else ""
        learned = self.bridge is not None and self.bridge.learned
        return Understood(turn_id, words, prompt.confidence, learned, over_reply, self.second)

    @property
    def is_of_transcript(self) -> bool:
        """Whether its words are the recogniser's own, adapted to this voice or not."""
        heard = None if self.prompt is None else self.prompt.heard
        return self.route is Route.TRANSCRIPT or heard == self.features.transcript.spoken

    def request(self, words: str) -> SoftPrompt | str:
        """The LLM's input: the soft prompt if it holds exactly these words, else the words."""
        says_all = self.route is Route.BRIDGE and words == self.understood(0).words
        return self.prompt if self.prompt is not None and says_all else words


def read(
    features: SpeechFeatures, bridge: Bridge | None, route: RouteSetting, settings: BridgeSettings
) -> Reading:
    """Read an utterance by its transcript and, if the route allows it, by the bridge.

    Raises:
        BridgeError: if the route needs a bridge and there is none.
    """
    bridge = None if route == "transcript" else bridge
    prompt = None if bridge is None else bridge.soft_prompt(features)
    taken = choose_route(
        route,
        prompt,
        features.transcript,
        accepted=bridge is not None and bridge.accepted,
        learned=bridge is not None and bridge.learned,
        settings=settings,
    )
    return Reading(features, bridge, prompt, taken)
