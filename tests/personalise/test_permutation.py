"""Few recordings, judged by what chance would do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from assistant.personalise.judging.permutation import DRAWS, EXACT, gain


def by_hand(fewer: list[float]) -> float:
    """The share of all ways of turning signs that give at least what was found."""
    turned = [
        sum(sign * each for sign, each in zip(signs, fewer, strict=True))
        for signs in itertools.product((1, -1), repeat=len(fewer))
    ]
    return sum(each >= sum(fewer) for each in turned) / len(turned)


@pytest.mark.parametrize(
    "fewer", [[1], [2, 1], [0, 0], [3, -1, 0], [-1, -2], [2, 2, 2, -1, 0, 1, -3, 1]]
)
def test_p_counts_every_way_of_turning_signs(fewer: list[float]) -> None:
    found = gain(fewer, [0] * len(fewer), [4] * len(fewer), 0.25)
    assert found.p == pytest.approx(by_hand(fewer))
    assert found.mean == pytest.approx(sum(fewer) / (4 * len(fewer)))


@pytest.mark.parametrize("level", [0.05, 0.125, 0.25, 0.5])
def test_the_interval_begins_above_nothing_exactly_if_p_is_within_the_level(level: float) -> None:
    rng = np.random.default_rng(0)
    for count in (2, 3, 5, 9, EXACT + 3):
        for _ in range(40):
            words = rng.integers(1, 9, count)
            before = rng.integers(0, words + 1)
            after = rng.integers(0, words + 1)
            found = gain(before.tolist(), after.tolist(), words.tolist(), level)
            assert (found.least > 0) == (found.p <= level)
            assert found.least <= 1


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    words = [5] * 8
    held = 0
    for _ in range(400):
        fewer = 0.5 + rng.normal(0, 1, 8)  # a true gain of 0.1 of the words
        held += gain(fewer.tolist(), [0] * 8, words, 0.1).least <= 0.1
    assert 0.86 <= held / 400 <= 0.94


def test_long_utterances_count_by_their_words() -> None:
    long, short = gain([6, 0], [0, 1], [9, 2], 0.25), gain([1, 0], [0, 6], [2, 9], 0.25)
    assert long.mean == pytest.approx(5 / 11)
    assert short.mean == pytest.approx(-5 / 11)
    assert short.p > long.p


def test_with_many_utterances_ways_are_drawn_always_the_same() -> None:
    before, after, words = [2] * 20, [1] * 19 + [4], [6] * 20
    one, same = (gain(before, after, words, 0.05) for _ in range(2))
    assert one == same
    assert 1 / (DRAWS + 1) <= one.p < 0.01
    assert 0 < one.least < one.mean


def test_too_few_utterances_show_nothing() -> None:
    for least, level in ((2, 0.25), (4, 0.1), (5, 0.05)):
        assert gain([1] * least, [0] * least, [1] * least, level).p <= level
        few = gain([1] * (least - 1), [0] * (least - 1), [1] * (least - 1), level)
        assert few.p > level
        assert few.least == -1


def test_without_utterances_nothing_is_gained() -> None:
    assert gain([], [], [], 0.25).p == 1
