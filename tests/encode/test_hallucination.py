from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from assistant.encode.hallucination import (
    CAPTIONS,
    LEAST_S,
    LONG_S,
    MOST,
    Evidence,
    is_speech,
)
from assistant.spoken import said_words

SPEECH = Evidence(log_prob=-0.3, no_speech=0.1, n_words=6, voiced_s=2.0)
"""As a clear request."""

NOISE = Evidence(log_prob=-2.0, no_speech=0.92, n_words=4, voiced_s=2.5)
"""As "You can't do it." of white noise."""


@pytest.mark.parametrize(
    "evidence",
    [
        SPEECH,
        Evidence(-0.56, 0.28, 2, voiced_s=0.9),  # "Good morning."
        Evidence(-0.6, 0.12, 5, voiced_s=1.6),
        Evidence(-0.1, 0.05, 1, voiced_s=0.4),  # "Yes."
        Evidence(-0.05, 0.0, 40, voiced_s=14.0),
    ],
)
def test_what_somebody_said_is_taken_for_speech(evidence: Evidence) -> None:
    assert is_speech(evidence)
    assert is_speech(replace(evidence, voiced_s=None))


@pytest.mark.parametrize(
    "evidence",
    [
        NOISE,
        Evidence(-1.01, 0.989, 1, voiced_s=1.0),  # "you" of silence
        Evidence(-2.7, 0.98, 1, voiced_s=3.0),  # of a hum
        Evidence(-3.8, 0.89, 1, voiced_s=0.5),  # of beeps
        Evidence(-1.6, 0.9, 3, voiced_s=1.5),  # "Oh, oh, oh" of an alarm
    ],
)
def test_what_was_invented_over_noise_is_not(evidence: Evidence) -> None:
    assert not is_speech(evidence)
    assert not is_speech(replace(evidence, voiced_s=None))


def test_nothing_is_no_speech() -> None:
    nothing = Evidence.of([])
    assert (nothing.log_prob, nothing.no_speech, nothing.n_words) == (-math.inf, 1.0, 0)
    assert not is_speech(nothing)
    assert not is_speech(replace(SPEECH, n_words=0))


def test_what_goes_round_in_circles_is_no_speech_however_likely() -> None:
    certain = Evidence(0.0, 0.0, 60, voiced_s=10.0)
    assert is_speech(certain)
    assert not is_speech(replace(certain, loops=True))


def test_over_a_long_time_words_have_to_be_clearer() -> None:
    unclear = Evidence(log_prob=-1.0, no_speech=0.3, n_words=6, voiced_s=3.0)
    assert is_speech(unclear)
    assert not is_speech(replace(unclear, voiced_s=12.0, n_words=24))  # the same pace
    assert is_speech(replace(unclear, voiced_s=12.0, n_words=24, log_prob=-0.2))


def test_there_is_a_limit_to_how_clear_they_have_to_be() -> None:
    clear = Evidence(log_prob=-0.1, no_speech=0.02, n_words=40, voiced_s=20.0)
    assert LONG_S[1] * (20.0 - LONG_S[0]) > MOST
    assert is_speech(clear)
    assert is_speech(replace(clear, voiced_s=200.0, n_words=400))


def test_few_words_for_much_voice_are_suspect() -> None:
    words = Evidence(log_prob=-0.8, no_speech=0.5, n_words=2, voiced_s=0.7)
    assert is_speech(words)
    assert not is_speech(replace(words, voiced_s=3.5))


def test_every_piece_of_evidence_counts_its_own_way() -> None:
    steps = (-4.0, -2.0, -1.0, -0.5, -0.1, 0.0)
    silences = (1.0, 0.9, 0.5, 0.1, 0.0)
    counts = (1, 2, 4, 8)
    for likely, silent, count in itertools.product(steps, silences, counts):
        if is_speech(Evidence(likely, silent, count, voiced_s=2.0)):
            assert is_speech(Evidence(0.0, silent, count, voiced_s=2.0))
            assert is_speech(Evidence(likely, 0.0, count, voiced_s=2.0))
            assert is_speech(Evidence(likely, silent, 8, voiced_s=2.0))


@pytest.mark.parametrize("voiced_s", [0.0, 1e-9, 0.02, LEAST_S])
def test_next_to_no_voice_counts_as_a_little(voiced_s: float) -> None:
    for each in (SPEECH, NOISE):
        least = replace(each, voiced_s=LEAST_S)
        assert is_speech(replace(each, voiced_s=voiced_s)) is is_speech(least)


@pytest.mark.parametrize("no_speech", [0.0, 1.0, 1e-300])
@pytest.mark.parametrize("log_prob", [0.0, -13.8, -1e6, -math.inf])
@pytest.mark.parametrize("voiced_s", [None, 0.0, 1e6])
def test_no_evidence_is_too_extreme(
    no_speech: float, log_prob: float, voiced_s: float | None
) -> None:
    found = is_speech(Evidence(log_prob, no_speech, 3, voiced_s=voiced_s))
    assert found is False or log_prob == 0.0


def test_pieces_count_by_their_words() -> None:
    first, second = Evidence(-0.2, 0.3, 9), Evidence(-1.2, 0.1, 1, loops=True)
    whole = Evidence.of([first, Evidence.of([]), second])
    assert whole.log_prob == pytest.approx(-0.3)
    assert (whole.no_speech, whole.n_words, whole.loops) == (0.1, 10, True)
    assert not Evidence.of([first, first]).loops
    assert Evidence.of([first]) == first


def test_what_stands_under_films_was_not_said_however_likely() -> None:
    sure = Evidence(log_prob=-0.01, no_speech=0.01, n_words=3)
    caption = replace(sure, is_caption=True)
    assert is_speech(sure)
    assert not is_speech(caption)
    assert not is_speech(Evidence.of([caption, caption]))
    assert is_speech(Evidence.of([caption, sure]))
    assert all(said_words(each) == each for each in CAPTIONS)
