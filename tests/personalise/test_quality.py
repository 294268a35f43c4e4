"""What is wrong with a recording is found before anything is learned from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assistant.personalise.data.prompts import PROMPTS
from assistant.personalise.data.quality import QUIET_DB, Fault, Level, fault
from assistant.spoken import shortest_s, spoken_form
from assistant.values import EndReason, Utterance
from tests.journal.exchanges import sound, utterance

SEVEN = "my brother enjoys a cup of tea"


def heard(loudness: float = 0.3, seconds: float = 2.0, voiced_s: float = 1.6) -> Utterance:
    samples = np.clip(sound(seconds) * np.float32(loudness), -1, 1).astype(np.float32)
    return replace(utterance(), samples=samples, voiced_s=voiced_s)


def test_two_words_are_not_kept_for_a_sentence_of_seven() -> None:
    short = fault(heard(seconds=1.7, voiced_s=0.9), SEVEN)
    assert short is not None
    assert short.why.startswith("too short for this sentence")
    assert not short.may_be_kept
    assert fault(heard(seconds=1.7, voiced_s=0.9), "good morning") is None
    assert fault(heard(), SEVEN) is None
    unvoiced = replace(heard(seconds=0.7), voiced_s=None)
    assert fault(unvoiced, SEVEN) == short


def test_every_sentence_can_be_read_by_the_fastest_reader_measured() -> None:
    for prompt in PROMPTS:
        letters = sum(char.isalpha() for char in prompt)
        assert shortest_s(spoken_form(prompt)) < letters / 18.4


@pytest.mark.parametrize(("loudness", "why"), [(0.003, "very quiet"), (5.0, "too loud")])
def test_a_bad_level_is_recorded_again_or_kept_on_purpose(loudness: float, why: str) -> None:
    found = fault(heard(loudness), SEVEN)
    assert found is not None
    assert found.why.startswith(why)
    assert found.may_be_kept


def test_what_was_cut_at_the_maximum_length_is_doubted() -> None:
    found = fault(replace(heard(), end_reason=EndReason.MAX_LENGTH), SEVEN)
    assert found == Fault(
        "cut at the maximum length: is a radio or television on?", may_be_kept=True
    )


def speech(loudness: float) -> np.ndarray:
    """Half a second of noise at this magnitude between silences."""
    samples = np.zeros(24_000, np.float32)
    samples[8_000:16_000] = sound(0.5) * loudness
    return samples


@pytest.mark.parametrize(
    ("loudness", "advice"),
    [(0.3, "a good level"), (0.005, "very quiet"), (0.0, "very quiet"), (3.0, "too loud")],
)
def test_the_level_is_judged(loudness: float, advice: str) -> None:
    found = Level.of(np.clip(speech(loudness), -1, 1)).fault or "a good level"
    assert found.startswith(advice)


def test_the_level_is_that_of_the_loud_parts() -> None:
    seconds = np.arange(16_000, dtype=np.float32) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    alone = Level.of(tone)
    assert alone.decibels == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.1)
    padded = Level.of(np.concatenate([np.zeros(32_000, np.float32), tone]))
    assert padded.decibels == pytest.approx(alone.decibels, abs=0.2)
    assert not padded.clipped
    assert Level.of(np.zeros(3, np.float32)).decibels == -100
    assert padded.decibels > QUIET_DB
