from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.errors import TrainingError
from assistant.personalise.bridges import training_files
from assistant.personalise.data.common_talk import common_talk, sentences
from assistant.values import SpeechFeatures, Transcript, Utterance, Word


class Counting:
    """An encoder that counts and whose features are the loudness."""

    fingerprint = "counting-1"

    def __init__(self) -> None:
        self.heard: list[Utterance] = []

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        self.heard.append(utterance)
        whole = len(utterance.samples) // 640 * 640
        loud = np.abs(utterance.samples[:whole]).reshape(-1, 640).mean(axis=1)
        word = Word("hm", 0.1, 0.4, 0.5)
        return SpeechFeatures(
            np.stack([loud, 1 - loud], axis=1).astype(np.float32),
            25.0,
            Transcript("hm", 0.5, (word,)),
            self.fingerprint,
        )


def test_common_talk_is_spoken_and_encoded_once(tmp_path: Path) -> None:
    encoder, told = Counting(), list[tuple[int, int]]()
    first = common_talk(4, encoder, tmp_path, lambda done, of: told.append((done, of)))
    assert [each.text for each in first] == sentences(4)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(1 < utterance.seconds < 10 for utterance in encoder.heard)
    assert all(np.abs(utterance.samples).max() > 0.05 for utterance in encoder.heard)
    again = common_talk(4, encoder, tmp_path)
    assert len(encoder.heard) == 4
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before.features.frames, after.features.frames)
        assert before.features.transcript == after.features.transcript
        assert after.features.encoder == encoder.fingerprint


def test_what_only_sounds_is_not_encoded_until_its_features_are_wanted(tmp_path: Path) -> None:
    encoder, told = Counting(), list[tuple[int, int]]()
    found = common_talk(3, encoder, tmp_path, lambda done, of: told.append((done, of)), encoded=1)
    assert told == [(1, 1)]
    assert [each.text for each in found] == sentences(3)
    np.testing.assert_array_equal(found[0].samples, encoder.heard[0].samples)
    assert found[0].features.encoder == encoder.fingerprint
    assert [each.frames for each in found[1:]] == [
        -(-len(each.samples) // 320) for each in found[1:]
    ]
    with pytest.raises(TrainingError, match="Only the sound of these sentences"):
        _ = found[1].features
    whole = common_talk(3, encoder, tmp_path, lambda done, of: told.append((done, of)))
    assert told[1:] == [(2, 3), (3, 3)]
    np.testing.assert_array_equal(whole[1].samples, found[1].samples)
    assert common_talk(3, encoder, tmp_path, encoded=0)[2].features.encoder == encoder.fingerprint


def test_only_what_is_missing_or_damaged_is_made_anew(tmp_path: Path) -> None:
    encoder = Counting()
    common_talk(2, encoder, tmp_path)
    common_talk(3, encoder, tmp_path)
    assert len(encoder.heard) == 3
    frames, _ = training_files.features(tmp_path, training_files.COMMON_TALK)
    frames.write_bytes(frames.read_bytes()[:-10])
    assert len(common_talk(3, encoder, tmp_path)) == 3
    assert len(encoder.heard) == 4


def test_there_are_enough_sentences_for_the_defaults() -> None:
    found = sentences(10_000)
    assert len(found) == len(set(found)) >= 280
    assert all(text == text.lower() and text.isascii() for text in found)
