"""How the gate's errors are counted."""

from __future__ import annotations

import json
import random
from dataclasses import asdict

import numpy as np

from assistant.bridge.batch import EncodedPair
from assistant.config import PersonaliseSettings
from assistant.personalise.judging.gate import Measured
from assistant.personalise.judging.score import Result
from assistant.values import SpeechFeatures, Transcript
from bench.gate import ALL, OWN, SIZES, TAUGHT, Trial, judged, shuffled

SETTINGS = PersonaliseSettings.model_validate({})


def results(*wrong: int) -> list[Result]:
    return [
        Result(0.5, 0.5, equal=False, words=5, wrong=each, tokens=5, wrong_tokens=each)
        for each in wrong
    ]


def trial(texts: str, before: int, after: int, *, has_learned: bool = True) -> Trial:
    """A training after which every one of 20 sentences has so many wrong words."""
    then, now, same = results(*[before] * 20), results(*[after] * 20), results(0)
    return Trial("Ann", 10, texts, 0, has_learned, Measured(then, then, now, same, same))


def accepted(trials: list[Trial]) -> dict[str, list[float]]:
    """Shares under the gate's own rule, by kind of training and number of sentences."""
    found = judged(trials, SETTINGS, draws=40)
    return {
        row.trainings.rpartition(" ")[0]: list(row.accepted.values())
        for row in found
        if row.rule.startswith("the gate")
    }


def test_progress_is_accepted_and_harm_is_not() -> None:
    found = accepted([trial(OWN, 4, 2), trial(TAUGHT, 4, 5), trial(ALL, 5, 5)])
    assert found["own texts, progress"] == [1.0] * len(SIZES)
    assert found["shuffled in training"] == [0.0] * len(SIZES)
    assert found["shuffled everywhere"] == [0.0] * len(SIZES)
    assert "own texts, hardly any" not in found


def test_where_neither_is_better_it_errs_no_more_often_than_its_level() -> None:
    (*_, most) = sorted(accepted([trial(OWN, 4, 2)])["neither better"])
    assert 0 < most <= SETTINGS.tuned.gate_level + 0.15


def test_what_learned_nothing_is_never_accepted() -> None:
    found = accepted([trial(OWN, 4, 2), trial(OWN, 4, 2, has_learned=False)])
    assert found["own texts, progress"] == [0.5] * len(SIZES)


def test_a_trial_is_read_as_it_was_written() -> None:
    one = trial(OWN, 4, 2)
    assert Trial.read(json.dumps(asdict(one))) == one


def test_no_shuffled_utterance_keeps_its_text() -> None:
    frames = np.zeros((1, 2), np.float32)
    features = SpeechFeatures(frames, 50.0, Transcript("a", 1.0), "encoder")
    pairs = [EncodedPair(features, text, samples=np.zeros(4, np.float32)) for text in "abcdef"]
    for seed in range(5):
        texts = [pair.text for pair in shuffled(pairs, random.Random(seed))]
        assert sorted(texts) == list("abcdef")
        assert not any(a == b.text for a, b in zip(texts, pairs, strict=True))
