"""Commands in unclear speech are found by their sound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.config import TurnSettings
from assistant.dialogue import NOT_DONE, UNADDRESSED, DialoguePolicy
from assistant.journal.turn import Taught
from assistant.values import SpeechFeatures, StopReason
from tests.journal.exchanges import utterance
from tests.turn.rooms import Make, Saying


class Sounding(Saying):
    """What it writes is unclear; by its sound one text is far likelier than any other."""

    def __init__(self, *texts: str, sounds: str, confidence: float = 0.1, nearly: str = "") -> None:
        super().__init__(*texts, confidence=confidence)
        self.sounds = sounds
        self.nearly = nearly
        self.weighed = 0

    def weigh(self, features: SpeechFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
        del features
        self.weighed += 1
        nats = {self.nearly: -4.0, self.sounds: -2.0}
        return np.array([nats.get(text, -40.0) for text in texts])


def test_an_act_is_asked_back_with_its_content_and_a_yes_does_it_and_teaches(make: Make) -> None:
    encoder = Sounding("set a time or for ten minute", "yes", sounds="set a timer for ten minutes")
    assistant = make(encoder=encoder)
    asked = assistant.hear(utterance(1.5))
    assert (asked.reply, asked.stop_reason) == (
        "A timer for ten minutes?",
        StopReason.ASKED_BACK,
    )
    assert not assistant.desk.household.agenda.items()
    encoder.confidence = 1.0
    assert assistant.hear(utterance()).reply == "A timer for ten minutes is running."
    [timer] = assistant.desk.household.agenda.items()
    assert timer.length_s == 600.0
    taught = assistant.journal.turn(asked.id)
    assert (taught.correction, taught.taught) == ("set a timer for ten minutes", Taught.CORRECTED)
    assert taught.hypothesis == "set a time or for ten minute"


def test_a_fact_is_told_at_once(make: Make) -> None:
    assistant = make(encoder=Sounding("what time is id", sounds="what time is it"))
    turn = assistant.hear(utterance())
    assert turn.stop_reason is StopReason.SKILL
    assert (turn.reply or "").startswith("It is ")


def test_what_was_unclear_but_understood_is_answered_unless_another_command_fits_better(
    make: Make,
) -> None:
    request = Sounding("what time is it", sounds="what time is it", confidence=0.3)
    assert (make(encoder=request).hear(utterance()).reply or "").startswith("It is ")
    other = Sounding("set a timer for fifty minute", sounds="set a timer for forty minutes")
    assert make(encoder=other).hear(utterance()).reply == "A timer for forty minutes?"


def test_clear_and_distant_talk_is_not_read_again(make: Make) -> None:
    clear = Sounding("set a time or for ten minute", sounds="", confidence=0.9)
    make(encoder=clear).hear(utterance())
    far = Sounding(
        "my brother had seven lovely horses at his farm back then", sounds="", confidence=0.1
    )
    make(encoder=far).hear(utterance())
    assert (clear.weighed, far.weighed) == (0, 0)


def test_a_word_that_settles_something_is_not_read_again(make: Make) -> None:
    encoder = Sounding("set a time or for ten minute", "no", sounds="set a timer for ten minutes")
    assistant = make(encoder=encoder)
    assert assistant.hear(utterance()).reply == "A timer for ten minutes?"
    encoder.sounds = "set a timer for nine minutes"  # whatever it sounds like
    assert assistant.hear(utterance()).reply == NOT_DONE
    assert not assistant.desk.household.agenda.items()


def test_a_no_is_followed_by_the_next_command_that_it_sounds_like(make: Make) -> None:
    encoder = Sounding(
        *("set a time for thirty minute", "no", "yes"),
        sounds="set a timer for thirty minutes",
        nearly="set a timer for forty minutes",
    )
    assistant = make(encoder=encoder)
    asked = assistant.hear(utterance(1.5))
    assert asked.reply == "A timer for thirty minutes?"
    encoder.confidence = 1.0
    assert assistant.hear(utterance()).reply == "A timer for forty minutes?"
    assert not assistant.desk.household.agenda.items()
    assert assistant.hear(utterance()).reply == "A timer for forty minutes is running."
    assert assistant.journal.turn(asked.id).correction == "set a timer for forty minutes"


def test_what_was_refused_is_not_asked_again_when_it_is_said_again(make: Make) -> None:
    encoder = Sounding(
        *("set a time for thirty minute", "no", "set a time for thirty minute"),
        sounds="set a timer for thirty minutes",
    )
    assistant = make(encoder=encoder)
    assert assistant.hear(utterance()).reply == "A timer for thirty minutes?"
    encoder.confidence = 1.0
    assert assistant.hear(utterance()).reply == NOT_DONE
    encoder.confidence, encoder.nearly = 0.1, "set a timer for forty minutes"
    assert assistant.hear(utterance()).reply == "A timer for forty minutes?"


def test_the_wake_phrase_is_looked_for_in_what_was_written(make: Make) -> None:
    dialogue = DialoguePolicy(TurnSettings.model_validate({"wake_phrase": "attune"}))
    said = "attune what time is it"
    encoder = Sounding("attune what time is id", "what time is id", sounds=said)
    assistant = make(encoder=encoder, dialogue=dialogue)
    assert (assistant.hear(utterance()).reply or "").startswith("It is ")
    dialogue.answered(-1e9)  # long ago
    assert assistant.hear(utterance()).error == UNADDRESSED
