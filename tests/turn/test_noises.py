"""A home's noises, through voice detector, endpointer, the bundled Whisper and the policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.config import EncodeSettings, ListenSettings
from assistant.dialogue import NO_WORDS, NOT_CAUGHT
from assistant.encode.encoder import Encoder, open_encoder
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, StopReason, Utterance
from tests.journal import exchanges
from tests.noises import NOISES, noise
from tests.turn.rooms import Make, Saying

LISTEN = ListenSettings.model_validate({})


@pytest.fixture(scope="module")
def whisper() -> Encoder:
    return open_encoder(EncodeSettings.model_validate({"threads": 1}))


def utterances(samples: NDArray[np.float32]) -> Iterator[Utterance]:
    """What the daemon takes for utterances."""
    whole = to_int16(np.concatenate([samples, np.zeros(2 * SAMPLE_RATE, np.float32)]))
    starts = range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    frames = (AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), at / SAMPLE_RATE) for at in starts)
    return segment(frames, voiced(LISTEN.vad_mode), LISTEN)


@pytest.mark.parametrize("name", NOISES)
def test_a_noise_in_an_empty_room_is_stored_as_sound_without_words(
    name: str, whisper: Encoder, make: Make
) -> None:
    assistant = make(encoder=whisper)
    for heard in utterances(noise(name)):
        turn = assistant.hear(heard)
        assert (turn.hypothesis, turn.reply, turn.error) == ("", None, NO_WORDS)
        assert turn.has_audio


@pytest.mark.parametrize("name", ["phone", "cough", "dog", "baby", "vacuum cleaner"])
def test_a_noise_after_a_question_is_no_answer(name: str, whisper: Encoder, make: Make) -> None:
    assistant = make(encoder=Saying("how nice my hat is", confidence=0.1))
    asked = assistant.hear(next(utterances(noise("vacuum cleaner"))))
    assert asked.stop_reason is StopReason.ASKED_BACK
    assistant.encoder = whisper
    for heard in utterances(noise(name)):
        turn = assistant.hear(heard)
        assert turn.hypothesis == ""
        assert turn.reply in (None, NOT_CAUGHT)


def test_some_noises_pass_for_an_utterance() -> None:
    passed = [name for name in NOISES if any(utterances(noise(name)))]
    assert {"phone", "dog", "vacuum cleaner"} <= set(passed)


def test_a_crowd_in_its_louder_moments_is_stored_as_sound_without_words(make: Make) -> None:
    assistant = make(encoder=Saying("they won the year back", confidence=0.1))
    turn = assistant.hear(replace(exchanges.utterance(), contrast_db=5.0))
    assert (turn.hypothesis, turn.reply, turn.error) == ("", None, NO_WORDS)
    assert turn.has_audio


@pytest.mark.parametrize(("contrast_db", "confidence"), [(5.0, 0.9), (9.0, 0.3), (None, 0.3)])
def test_who_rises_above_a_crowd_is_answered(
    contrast_db: float | None, confidence: float, make: Make
) -> None:
    assistant = make(encoder=Saying("how nice my hat is", confidence=confidence))
    turn = assistant.hear(replace(exchanges.utterance(), contrast_db=contrast_db))
    assert turn.reply == "Yes."


def test_a_call_for_help_is_answered_however_loud_the_crowd_is(make: Make) -> None:
    assistant = make(encoder=Saying("help me i have fallen", confidence=0.1))
    turn = assistant.hear(replace(exchanges.utterance(), contrast_db=1.0))
    assert turn.hypothesis == "help me i have fallen"
    assert turn.reply is not None
