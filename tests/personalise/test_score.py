from __future__ import annotations

import random
from typing import Any

import pytest
from rouge_score import rouge_scorer

from assistant.personalise.judging.score import edits, rouge, score


@pytest.mark.parametrize(
    ("wanted", "given", "distance"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "axc", 1),
     ("abc", "ac", 1), ("ac", "abc", 1), ("kitten", "sitting", 3)],
)  # fmt: skip
def test_edits_are_levenshteins_distance(wanted: str, given: str, distance: int) -> None:
    assert edits([*map(ord, wanted)], [*map(ord, given)]) == distance


def test_equal_replies_score_fully_and_others_by_rouge() -> None:
    found = score(
        ["It is ten.", "Good morning to you."],
        ["It is ten.", "Good evening to you."],
        [[1, 2], [3, 4, 5, 6]],
        [[1, 2], [3, 9, 5]],
    )
    assert found.equal == 0.5
    assert found.rouge1 == pytest.approx((1 + 3 / 4) / 2)
    assert found.rougeL == pytest.approx((1 + 3 / 4) / 2)
    assert found.token_error == pytest.approx(2 / 6)


def test_two_empty_replies_agree_and_one_does_not() -> None:
    assert score([""], [""], [[]], [[]]).rouge1 == 1.0
    assert score(["Yes."], [""], [[1]], [[]]).rouge1 == 0.0


def test_no_utterances_have_a_score_of_nothing() -> None:
    found = score([], [], [], [])
    assert (found.rouge1, found.equal, found.token_error) == (0.0, 0.0, 0.0)


def test_rouge_is_that_of_the_package_rouge_score() -> None:
    scorer: Any = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
    draw = random.Random(0)
    words = [*"a b c d e it's Ünlü 7 don't -- , x1".split(), "\n"]
    for _ in range(400):
        wanted, given = (" ".join(draw.choices(words, k=draw.randrange(12))) for _ in range(2))
        reference = scorer.score(wanted, given)
        expected = (reference["rouge1"].fmeasure, reference["rougeL"].fmeasure)
        assert rouge(wanted, given) == pytest.approx(expected, abs=1e-12), (wanted, given)
