from __future__ import annotations

import numpy as np
import pytest

from assistant.nets.ngram import ALPHABET, START, CharNgram, pack
from models.recipe.ngram import count_ngrams

SENTENCES = ["the cat sat", "the cat ran", "a cat", "the dog sat"] * 5


def model(order: int = 6, least: int = 1) -> CharNgram:
    return CharNgram(count_ngrams(SENTENCES, order, least))


def state_after(ngram: CharNgram, text: str) -> int:
    state = START
    for symbol in text:
        state = ngram.advance(state, ALPHABET.index(symbol))
    return state


@pytest.mark.parametrize("text", ["", "th", "the c", "the cat ", "zq", "dog c"])
def test_probabilities_after_any_text_sum_to_one(text: str) -> None:
    # unpruned Witten-Bell is a distribution; symbols never seen share what is left of the floor
    ngram = model()
    following = ngram.following(state_after(ngram, text)).astype(np.float64)
    seen = {symbol for sentence in SENTENCES for symbol in sentence}
    known = [place for place, symbol in enumerate(ALPHABET) if symbol in seen]
    assert np.exp(following[known]).sum() == pytest.approx(1, abs=0.06)


def test_what_was_seen_is_likelier_than_what_was_not() -> None:
    ngram = model()
    following = ngram.following(state_after(ngram, "the ca"))
    assert following.argmax() == ALPHABET.index("t")
    assert following[ALPHABET.index("t")] > following[ALPHABET.index("r")] + 2


def test_longer_contexts_than_the_order_are_forgotten() -> None:
    ngram = model(order=3)
    assert state_after(ngram, "xxxxxat") == state_after(ngram, "at")


def test_pruning_leaves_short_ngrams_whole() -> None:
    whole, pruned = count_ngrams(SENTENCES, 6, 1), count_ngrams(SENTENCES, 6, 12)
    assert len(pruned["ngrams"]) < len(whole["ngrams"])
    of_four = 1 << (5 * 4)
    kept, there = set(pruned["ngrams"].tolist()), set(whole["ngrams"].tolist())
    assert {n for n in kept if n < 2 * of_four} == {n for n in there if n < 2 * of_four}


def test_every_ngram_has_its_own_number() -> None:
    symbols = np.array([1, 1, 2], np.int64)
    numbers = np.concatenate([pack(symbols, order) for order in (1, 2, 3)])
    assert len(set(numbers.tolist())) == 5  # the two single 1s are one n-gram


@pytest.mark.parametrize("broken", ["missing", "lengths", "order", "unsorted"])
def test_tables_that_do_not_fit_are_refused(broken: str) -> None:
    tables = count_ngrams(SENTENCES, 4, 1)
    match broken:
        case "missing":
            del tables["log_probs"]
        case "lengths":
            tables["log_probs"] = tables["log_probs"][1:]
        case "order":
            tables["order"] = np.array([40])
        case _:
            tables["ngrams"] = tables["ngrams"][::-1]
    with pytest.raises(ValueError, match=r"missing|differ|order"):
        CharNgram(tables)
