from __future__ import annotations

import math
import random

import numpy as np
import pytest

from assistant.nets.calibration import LEAST, LETTERS, WHISPER, Calibration, doubt

BOTH = pytest.mark.parametrize("sure", [WHISPER, LETTERS], ids=["whisper", "letters"])


@BOTH
def test_of_nothing_nobody_is_sure(sure: Calibration) -> None:
    assert sure([]) == 0.0


@BOTH
def test_surer_words_make_a_surer_reading(sure: Calibration) -> None:
    dice = random.Random(0)
    for _ in range(500):
        words = [dice.uniform(0.0, 1.0) for _ in range(dice.randrange(1, 25))]
        before = sure(words)
        at = dice.randrange(len(words))
        words[at] = dice.uniform(words[at], 1.0)
        assert sure(words) >= before


@BOTH
@pytest.mark.parametrize("n_words", [1, 3, 12])
def test_a_reading_is_surer_step_by_step(sure: Calibration, n_words: int) -> None:
    found = [sure([p] * n_words) for p in np.linspace(0.01, 1.0, 50)]
    assert found == sorted(found)
    assert found[-1] > found[0]


@BOTH
@pytest.mark.parametrize(
    "words",
    [[0.0], [1.0], [1e-300], [0.0] * 200, [1.0] * 200, [5e-324, 1.0], [-0.1], [1.1], [1.0] * 10**5],
)
def test_a_chance_is_a_chance_whatever_is_said_of_the_words(
    sure: Calibration, words: list[float]
) -> None:
    chance = sure(words)
    assert math.isfinite(chance)
    assert 0.0 < chance < 1.0


def test_no_word_is_less_likely_than_the_least() -> None:
    assert WHISPER([0.0, 0.5]) == WHISPER([LEAST, 0.5])
    assert doubt([0.0, 1.0]) == math.sqrt(-math.log(LEAST) / 2)
    assert doubt([1.0, 1.0]) == 0.0


def test_odds_beyond_all_measure_overflow_nothing() -> None:
    steep = Calibration(bias=0.0, slope=-1e9)
    assert 0.0 < steep([0.5]) < 1e-12
    assert steep([1.0]) == 0.5
    assert 1 - 1e-12 < Calibration(bias=1e9, slope=0.0)([1.0]) < 1.0


def test_one_doubtful_word_among_sure_ones_is_felt() -> None:
    chances = [WHISPER([0.99] * 7 + [p]) for p in (0.99, 0.6, 0.3, 0.1)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.5


def test_an_array_is_as_good_as_a_list() -> None:
    assert WHISPER(np.array([0.5, 0.7])) == WHISPER([0.5, 0.7])  # pyright: ignore[reportArgumentType]
