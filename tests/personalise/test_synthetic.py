from __future__ import annotations

import random

import numpy as np

from assistant.personalise.data.common_talk import sentences
from assistant.personalise.data.prompts import PROMPTS
from assistant.personalise.data.synthetic import LOOSE, Sentence, common, own


def test_what_judges_is_never_trained_on_and_said_once() -> None:
    found = common(900, 0.2)
    training = [each for each in found if not each.held_out]
    judging = [each for each in found if each.held_out]
    assert len(training) == 900
    texts = {each.text for each in judging}
    assert len(texts) == len(judging)
    assert texts.isdisjoint(each.text for each in training)
    everything = len(sentences(10_000)) + len(PROMPTS)
    assert 0.12 < len(judging) / everything < 0.28
    assert len({each.key for each in found}) == len(found)
    assert common(900, 0.2) == found
    assert common(300, 0.2) == [*training[:300], *judging]


def test_every_fifth_is_a_string_of_words_that_are_known() -> None:
    training = [each for each in common(1_000, 0.2) if not each.held_out]
    whole = [each for number, each in enumerate(training, 1) if number % LOOSE]
    loose = [each for number, each in enumerate(training, 1) if number % LOOSE == 0]
    words = {word for each in whole for word in each.text.split()}
    assert {word for each in loose for word in each.text.split()} <= words
    assert len({each.text for each in loose} - {each.text for each in whole}) > 150


def test_own_texts_are_said_in_several_voices() -> None:
    texts = [f"my number {word}" for word in ("one", "two", "three", "four", "five", "six")]
    found = own([*texts, texts[0]], 3, 0.4)
    takes = [sum(each.text == text for each in found) for text in texts]
    held_out = {each.text for each in found if each.held_out}
    assert held_out
    assert takes == [1 if text in held_out else 3 for text in texts]


def test_a_sentence_sounds_the_same_each_time_and_otherwise_with_another_number() -> None:
    one, again, other = (Sentence("good morning", number).say() for number in (1, 1, 2))
    np.testing.assert_array_equal(one.samples, again.samples)
    assert one.samples.shape != other.samples.shape or not np.allclose(one.samples, other.samples)
    assert 0.8 < one.seconds < 4
    assert np.abs(one.samples).max() <= 1
    edge = one.samples[:2_000]
    assert 0 < np.abs(edge).max() < 0.05 < np.abs(one.samples).max()


def test_voices_rates_and_noise_are_drawn() -> None:
    numbers = random.Random(0).sample(range(1_000), 6)
    heard = [Sentence("good morning", number).say().samples for number in numbers]
    assert len({len(samples) for samples in heard}) == 6
    noise = sorted(float(samples[:2_000].std()) for samples in heard)
    assert noise[-1] > 3 * noise[0]
