from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.nets import ctc
from assistant.nets.ngram import ALPHABET, CharNgram

BLANK, SPACE = 0, 1
SYMBOLS = "_ ab"  # the blank, the word delimiter and two letters


def strip(frames: str, certainty: float = 0.7) -> NDArray[np.float32]:
    """Posteriors of a hand-written strip, one symbol per frame."""
    probabilities = np.full((len(frames), len(SYMBOLS)), (1 - certainty) / 3, np.float32)
    for row, symbol in zip(probabilities, frames, strict=True):
        row[SYMBOLS.index(symbol)] = certainty
    return probabilities


def places(found: list[ctc.Span]) -> list[tuple[str, int, int]]:
    return [(SYMBOLS[span.symbol], span.first_frame, span.last_frame) for span in found]


def test_posteriors_are_a_softmax_that_does_not_overflow() -> None:
    found = ctc.posteriors(np.array([[1000.0, 1000.0], [0.0, math.log(3)]], np.float32))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75]], rtol=1e-6)


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        ("aab", [("a", 0, 1), ("b", 2, 2)]),
        ("a_a", [("a", 0, 0), ("a", 2, 2)]),
        ("__a_", [("a", 2, 2)]),
        ("b", [("b", 0, 0)]),
        ("____", []),
        ("", []),
        ("a  b", [("a", 0, 0), (" ", 1, 2), ("b", 3, 3)]),
    ],
)
def test_repeats_merge_and_blanks_drop(frames: str, wanted: list[tuple[str, int, int]]) -> None:
    assert places(ctc.spans(strip(frames), BLANK)) == wanted


def test_a_span_is_as_sure_as_its_surest_frame() -> None:
    probabilities = strip("aaa")
    probabilities[1] = [0.02, 0.02, 0.94, 0.02]
    (span,) = ctc.spans(probabilities, BLANK)
    assert span.confidence == pytest.approx(0.94)


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        ("ab a_b", ["ab", "ab"]),
        (" a  b ", ["a", "b"]),
        ("a _ b", ["a", "b"]),
        ("  _ ", []),
        ("", []),
    ],
)
def test_words_end_at_delimiters(frames: str, wanted: list[str]) -> None:
    groups = ctc.words(ctc.spans(strip(frames), BLANK), SPACE)
    assert ["".join(SYMBOLS[span.symbol] for span in group) for group in groups] == wanted


def unigram(**probabilities: float) -> CharNgram:
    """An n-gram of single symbols; what is left goes to the others."""
    known = {(" " if name == "space" else name): p for name, p in probabilities.items()}
    left = (1 - sum(known.values())) / (len(ALPHABET) - len(known))
    log_probs = [math.log(known.get(symbol, left)) for symbol in ALPHABET]
    return CharNgram(
        {
            "ngrams": np.arange(1, len(ALPHABET) + 1, dtype=np.int64) | 32,
            "log_probs": np.array(log_probs, np.float32),
            "log_backoffs": np.zeros(len(ALPHABET), np.float32),
            "order": np.array([1]),
        }
    )


def fusion(ngram: CharNgram, weight: float, bonus: float = 0.0) -> ctc.Fusion:
    return ctc.Fusion(ngram, ((), *map(ctc.letters, SYMBOLS[1:])), weight, bonus)


def search(probabilities: NDArray[np.float32], fused: ctc.Fusion) -> str:
    found = ctc.search(np.log(probabilities), BLANK, fused, SPACE)
    return "".join(SYMBOLS[symbol] for symbol in found)


def likeliest(probabilities: NDArray[np.float32]) -> str:
    """The text whose paths are likeliest in sum, found by trying every path."""
    sums: dict[str, float] = {}
    for path in itertools.product(range(len(SYMBOLS)), repeat=len(probabilities)):
        text = "".join(SYMBOLS[symbol] for symbol, _ in itertools.groupby(path) if symbol != BLANK)
        text = " ".join(text.split())
        chance = float(np.prod(probabilities[np.arange(len(path)), path]))
        sums[text] = sums.get(text, 0.0) + chance
    return max(sums, key=lambda text: sums[text])


def test_search_without_the_ngram_finds_the_likeliest_text() -> None:
    random, differ = np.random.default_rng(3), 0
    for _ in range(40):
        probabilities = random.dirichlet([0.7] * 4, size=5).astype(np.float32)
        probabilities[:, SPACE] *= 1e-6  # spaces at the ends are free, in brute force and here
        found = search(probabilities, fusion(unigram(), 0.0))
        assert found == likeliest(probabilities)
        greedy = "".join(SYMBOLS[s.symbol] for s in ctc.spans(probabilities, BLANK))
        differ += found != greedy
    assert differ > 3  # it is more than the greedy reading


def test_the_ngram_decides_where_the_sound_does_not() -> None:
    probabilities = np.array([[0.02, 0.02, 0.5, 0.46]], np.float32)
    ngram = unigram(a=0.01, b=0.4, space=0.4)
    assert search(probabilities, fusion(ngram, 0.0)) == "a"
    assert search(probabilities, fusion(ngram, 1.0)) == "b"


def test_a_bonus_makes_readings_longer() -> None:
    probabilities = np.array([[0.5, 0.02, 0.4, 0.08]], np.float32)
    assert search(probabilities, fusion(unigram(), 0.0)) == ""
    assert search(probabilities, fusion(unigram(), 0.0, bonus=1.0)) == "a"


def test_search_drops_outer_and_doubled_spaces() -> None:
    assert search(strip(" a _ b ", 0.97), fusion(unigram(), 0.0)) == "a b"


@pytest.mark.parametrize("frames", ["aab", "a_a", "_a__b_", "a b", "b", "ab ba"])
def test_aligning_the_greedy_text_gives_its_spans(frames: str) -> None:
    probabilities = strip(frames)
    spans = ctc.spans(probabilities, BLANK)
    assert ctc.align(probabilities, [span.symbol for span in spans], BLANK) == spans


def test_aligning_nothing_gives_nothing() -> None:
    assert ctc.align(strip("aab"), [], BLANK) == []


def test_a_text_is_aligned_even_where_it_is_not_the_greedy_one() -> None:
    spans = ctc.align(strip("aabb"), [SYMBOLS.index("b")], BLANK)
    assert places(spans)[0][0] == "b"
    assert spans[0].confidence == pytest.approx(0.7)


def test_a_text_longer_than_the_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="2 frames cannot hold 2 symbols"):
        ctc.align(strip("aa"), [2, 2], BLANK)  # the same letter twice needs a blank between


def test_symbols_may_be_whole_words() -> None:
    places = tuple(map(ctc.letters, ("", " ab", " ac")))
    ngram = unigram(b=0.05, c=0.4)
    probabilities = np.array([[0.05, 0.5, 0.45]], np.float32)
    for weight, word in ((0.0, 1), (1.0, 2)):
        fused = ctc.Fusion(ngram, places, weight, bonus=5.0, start=1)
        assert ctc.search(np.log(probabilities), 0, fused) == [word]


def test_a_symbol_with_other_letters_is_never_read() -> None:
    assert ctc.letters("ab'c d") != ()
    assert ctc.letters("A") == ctc.letters("\N{REPLACEMENT CHARACTER}") == ()
    fused = ctc.Fusion(unigram(), ((), (), ctc.letters("b")), 0.0, 0.0)
    probabilities = np.array([[0.05, 0.9, 0.05]], np.float32)
    assert 1 not in ctc.search(np.log(probabilities), 0, fused)
