from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from rouge_score import rouge_scorer

from assistant.generate.llama import LlamaSession
from assistant.personalise.judging.score import (
    Replies,
    Result,
    Score,
    edits,
    result,
    rouge,
    score,
)
from assistant.values import SoftPrompt


@pytest.mark.parametrize(
    ("wanted", "given", "distance"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "axc", 1),
     ("abc", "ac", 1), ("ac", "abc", 1), ("kitten", "sitting", 3)],
)  # fmt: skip
def test_edits_are_levenshteins_distance(wanted: str, given: str, distance: int) -> None:
    assert edits([*map(ord, wanted)], [*map(ord, given)]) == distance


def tokens(text: str) -> list[int]:
    return [hash(word) for word in text.split()]


def of(*compared: tuple[str, str, str, str]) -> Score:
    return score([result(*each, tokens=tokens) for each in compared])


def test_equal_replies_score_fully_and_others_by_rouge() -> None:
    found = of(
        ("It is ten.", "It is ten.", "a b", "a b"),
        ("Good morning to you.", "Good evening to you.", "c d e f", "c x e"),
    )
    assert found.equal == 0.5
    assert found.rouge1 == pytest.approx((1 + 3 / 4) / 2)
    assert found.rougeL == pytest.approx((1 + 3 / 4) / 2)
    assert found.token_error == pytest.approx(2 / 6)
    assert found.word_error == pytest.approx(2 / 6)
    assert found.right == 0.5


def test_two_empty_replies_agree_and_one_does_not() -> None:
    assert of(("", "", "", "")).rouge1 == 1.0
    assert of(("Yes.", "", "a", "")).rouge1 == 0.0


def test_no_utterances_have_a_score_of_nothing() -> None:
    found = of()
    assert (found.rouge1, found.equal, found.token_error) == (0.0, 0.0, 0.0)
    assert (found.word_error, found.right) == (0.0, 0.0)


def test_words_are_compared_as_they_are_said() -> None:
    found = result("", "", "it's half past eight", "It's half past 8!")
    assert (found.words, found.wrong) == (4, 0)


def test_invented_words_do_not_make_more_missed_than_there_are() -> None:
    babbled: Result = result("", "", "yes", "so much more was said")
    assert (babbled.wrong, babbled.missed) == (5, 1)
    assert score([babbled]).word_error == 5.0


def test_rouge_is_that_of_the_package_rouge_score() -> None:
    scorer: Any = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
    draw = random.Random(0)
    words = [*"a b c d e it's Ünlü 7 don't -- , x1".split(), "\n"]
    for _ in range(400):
        wanted, given = (" ".join(draw.choices(words, k=draw.randrange(12))) for _ in range(2))
        reference = scorer.score(wanted, given)
        expected = (reference["rouge1"].fmeasure, reference["rougeL"].fmeasure)
        assert rouge(wanted, given) == pytest.approx(expected, abs=1e-12), (wanted, given)


class Talkative:
    """A session that counts what it is asked."""

    def __init__(self, session: LlamaSession) -> None:
        self._session = session
        self.asked = 0
        self.words = session.words

    def reply(self, *request: Any, **options: Any) -> Iterator[str]:
        self.asked += 1
        return self._session.reply(*request, **options)


def test_each_request_is_answered_once(llm: LlamaSession) -> None:
    asked = Talkative(llm)
    replies = Replies(cast("LlamaSession", asked))
    rows = llm.vocabulary.rows(llm.vocabulary.tokens("good morning"))

    def prompt(rows: NDArray[np.float32], bridge: str) -> SoftPrompt:
        return SoftPrompt(rows, bridge, 0.5, "good morning")

    assert replies.to_prompt(prompt(rows, "one")) == replies.to_prompt(prompt(rows, "two"))
    assert asked.asked == 1
    replies.to_prompt(prompt(rows[1:], "one"))
    assert replies.to_prompt(prompt(rows[:0], "one")) == ""
    assert asked.asked == 2
    assert replies.to_text("good morning") == replies.to_text("good morning") == "Yes."
    assert asked.asked == 3
