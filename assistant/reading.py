"""How an utterance is read: by which route, and as which words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from assistant.bridge.route import RouteSetting, choose_route
from assistant.config import BridgeSettings
from assistant.dialogue import Understood
from assistant.values import Route, SoftPrompt, SpeechFeatures, Transcript, Utterance

if TYPE_CHECKING:  # torch comes with a bridge, not before
    from assistant.bridge.connect import Bridge


PAUSE_S = 0.3
"""Shortest pause within what is said; between words that belong together there is less."""


HARDLY_DB = 3.0
"""What rises above a background by less is the background's own."""

CLEARLY_DB = 8.0
"""What rises above it by more is somebody's who speaks here: hardly any turn made of babble alone
does, and nearly every question over a background that is 10 dB softer (``bench.homes``)."""

LEAST_SURE = 0.2
"""Confidence from which what rises less is taken for theirs, too."""

LITTLE_DB = 5.0
"""Of what rises by less than this more confidence is asked: a question over babble or music that is
5 dB softer rises by more (``bench.homes``), a voice in the babble by less."""

LEAST_SURE_OF_LITTLE = 0.4
"""How much."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An utterance as the chosen route reads it."""

    features: SpeechFeatures
    bridge: Bridge | None  # that made the soft prompt
    prompt: SoftPrompt | None
    route: Route
    second: tuple[str, float] | None = None  # a command found by its sound, and its confidence
    others: tuple[str, ...] = ()  # commands that it may have been instead, best first

    def understood(
        self, turn_id: int, *, over_reply: bool = False, is_half: bool = False
    ) -> Understood:
        """The utterance as the dialogue policy judges it."""
        prompt, transcript = self.prompt, self.features.transcript
        if self.route is Route.TRANSCRIPT or prompt is None:
            return Understood(
                turn_id,
                transcript.text,
                transcript.confidence,
                over_reply=over_reply,
                second=self.second,
                others=self.others,
                pauses=pauses(transcript),
                is_half=is_half,
            )
        words = prompt.heard if len(prompt.rows) else ""
        learned = self.bridge is not None and self.bridge.learned
        return Understood(
            turn_id,
            words,
            prompt.confidence,
            learned,
            over_reply,
            self.second,
            self.others,
            is_half=is_half,
        )

    @property
    def is_of_transcript(self) -> bool:
        """Whether its words are the recogniser's own, adapted to this voice or not."""
        heard = None if self.prompt is None else self.prompt.heard
        return self.route is Route.TRANSCRIPT or heard == self.features.transcript.spoken

    def request(self, words: str) -> SoftPrompt | str:
        """The LLM's input: the soft prompt if it holds exactly these words, else the words."""
        says_all = self.route is Route.BRIDGE and words == self.understood(0).words
        return self.prompt if self.prompt is not None and says_all else words


def pauses(transcript: Transcript) -> frozenset[int]:
    """The words, by number, that begin well after the one before has ended.

    Whisper's have no gaps between them; it writes punctuation instead.
    """
    words = transcript.words
    pairs = enumerate(pairwise(words), 1)
    return frozenset(at for at, (one, next_) in pairs if next_.start_s - one.end_s >= PAUSE_S)


def is_background(heard: Utterance, transcript: Transcript) -> bool:
    """Whether words were said by the background, such as a crowd in its louder moments."""
    rise_db = heard.contrast_db
    if rise_db is None or rise_db >= CLEARLY_DB:
        return False
    least = LEAST_SURE if rise_db >= LITTLE_DB else LEAST_SURE_OF_LITTLE
    return rise_db < HARDLY_DB or transcript.confidence < least


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
