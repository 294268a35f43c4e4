"""What skills answer, and what the language model is not let say."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timezone

import numpy as np

from assistant.config import GenerateSettings
from assistant.generate.stream import GenerationStats, ReplyStream
from assistant.values import Route, SpeechFeatures, StopReason, Transcript
from tests.encode import tiny
from tests.journal.exchanges import utterance
from tests.turn.rooms import Encoded, Make, Saying, at

NOW = datetime(2026, 11, 29, 23, 0, tzinfo=timezone.utc)


def test_the_time_is_told_by_code_and_the_language_model_is_not_asked(make: Make) -> None:
    assistant = make(encoder=Saying("What time is it, please?"), look=lambda: at(NOW))
    turn = assistant.hear(utterance())
    assert turn.reply == "It is eleven o'clock at night."
    assert turn.stop_reason is StopReason.SKILL
    assert turn.route is Route.TRANSCRIPT
    assert assistant.read("what day is it").reply == "Today is Sunday."
    assert assistant.read("say that again").reply == "Today is Sunday."


class Lying:
    """A language model that says what it should not."""

    fingerprint = "liar"
    remembers = 0

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces

    def words(self, text: str) -> str:
        return text

    def reply(self, *_: object, **__: object) -> ReplyStream:
        def written() -> Generator[str, None, GenerationStats]:
            yield from self.pieces
            return GenerationStats(0, 0, 0, 0, 0, 0, 0.0, None, 0.0, StopReason.END_OF_TURN)

        return ReplyStream(written())


def test_whatever_the_language_model_is_its_lies_are_not_said(make: Make) -> None:
    liar = Lying(
        "Good mor", "ning. It is el", "even o'clock in the morn", "ing. Take the ye", "llow tablet."
    )
    turn = make(encoder=Saying("i like the garden"), llm=liar).hear(utterance())
    assert turn.reply == (
        "Good morning. Ask me what time it is, and I will tell you. Ask me what is on your list, "
        "and I will read it to you."
    )
    assert turn.stop_reason is StopReason.END_OF_TURN


def test_a_call_for_help_is_answered_however_unsure_it_was_heard(make: Make) -> None:
    assistant = make(encoder=Saying("i have fallen", confidence=0.01))
    turn = assistant.hear(utterance())
    assert turn.stop_reason is StopReason.SKILL
    assert (turn.reply or "").startswith("I cannot call anyone.")
    unsure = make(encoder=Saying("i have bought a hat", confidence=0.01)).hear(utterance())
    assert unsure.stop_reason is StopReason.ASKED_BACK


def test_reminders_and_the_name_are_said_as_they_were_written(make: Make) -> None:
    settings = GenerateSettings.model_validate(
        {"user_name": "O'Brien", "reminders": ["do not take the blue pill"]}
    )
    assistant = make(generate_settings=settings)
    assert assistant.read("what do i have to do today").reply == (
        "There is one thing on your list: do not take the blue pill."
    )
    assert assistant.read("who am i").reply == "Your name is O'Brien."


def test_what_was_begun_in_a_pause_is_a_skill_s_reply_too(make: Make) -> None:
    assistant = make(encoder=Saying(), look=lambda: at(NOW))
    frames = np.zeros((4, tiny.HIDDEN), np.float32)
    features = SpeechFeatures(frames, 50.0, Transcript("what time is it", 1.0), "saying")
    assistant.speculate(features, 0.0, lambda: True)
    assistant.ends = Encoded(lambda: features)  # pyright: ignore[reportAttributeAccessIssue]
    turn = assistant.hear(utterance())
    assert (turn.reply, turn.stop_reason) == ("It is eleven o'clock at night.", StopReason.SKILL)


def test_a_language_model_with_nothing_to_say_is_listening(make: Make) -> None:
    turn = make(encoder=Saying("i like the garden"), llm=Lying("")).hear(utterance())
    assert turn.reply == "I am listening. Please go on."
