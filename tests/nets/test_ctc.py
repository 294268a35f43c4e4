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


@pytest.mark.parametrize("text", ["ab", "aa", "a b", "", "aba"])
def test_a_text_is_as_likely_as_all_its_paths_together(text: str) -> None:
    rng = np.random.default_rng(len(text))
    log_probs = np.log(ctc.posteriors(rng.standard_normal((5, len(SYMBOLS))).astype(np.float32)))
    symbols = [SYMBOLS.index(letter) for letter in text]
    total = 0.0
    for path in itertools.product(range(len(SYMBOLS)), repeat=len(log_probs)):
        merged = [symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK]
        if merged == symbols:
            total += math.exp(sum(float(log_probs[at, each]) for at, each in enumerate(path)))
    assert ctc.likelihood(log_probs, symbols, BLANK) == pytest.approx(math.log(total), rel=1e-5)


def test_a_text_that_does_not_fit_into_the_sound_is_impossible() -> None:
    assert ctc.likelihood(np.log(strip("ab")), [2, 3, 2], BLANK) == -math.inf


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


def trigram(random: np.random.Generator) -> CharNgram:
    """A back-off model of n-grams up to three, most of them missing."""
    letters = np.arange(1, len(ALPHABET) + 1, dtype=np.int64)
    ngrams = [letters | 32]
    for _ in range(2):
        longer = (ngrams[-1][:, None] << 5 | letters).ravel()
        ngrams.append(np.sort(random.choice(longer, len(longer) // 3, replace=False)))
    known = np.concatenate(ngrams)
    return CharNgram(
        {
            "ngrams": known,
            "log_probs": -random.exponential(2.0, len(known)).astype(np.float32),
            "log_backoffs": -random.exponential(0.5, len(known)).astype(np.float32),
            "order": np.array([3]),
        }
    )


TOKENS = ("", " ", "a", "b", "ab", " ba", "?")  # of no, one and several letters
Text = tuple[int, ...]


def words_score(text: Text, fused: ctc.Fusion) -> float:
    """What the n-gram makes of a text."""
    total, state = 0.0, fused.start
    for place in (place for symbol in text for place in fused.places[symbol]):
        total += fused.weight * float(fused.ngram.following(state)[place]) + fused.bonus
        state = fused.ngram.advance(state, place)
    return total


def end_score(text: Text, fused: ctc.Fusion, delimiter: int | None) -> float:
    """What the n-gram makes of a text's end."""
    if not text or text[-1] == delimiter:
        return 0.0
    state = fused.start
    for place in (place for symbol in text for place in fused.places[symbol]):
        state = fused.ngram.advance(state, place)
    return fused.weight * float(fused.ngram.following(state)[ALPHABET.index(" ")])


def best_text(scores: dict[Text, float], fused: ctc.Fusion, delimiter: int | None) -> list[int]:
    text = max(scores, key=lambda text: scores[text] + end_score(text, fused, delimiter))
    return list(text[:-1] if text and text[-1] == delimiter else text)


def every_path(
    log_probs: NDArray[np.float32], fused: ctc.Fusion, delimiter: int | None
) -> list[int]:
    """The best text, found by trying every path."""
    sound: dict[Text, float] = {}
    symbols = [BLANK, *(at for at, places in enumerate(fused.places) if places)]
    for path in itertools.product(symbols, repeat=len(log_probs)):
        text: Text = ()
        for symbol, _ in itertools.groupby(path):
            doubled = symbol == delimiter and (not text or text[-1] == delimiter)
            if symbol != BLANK and not doubled:
                text = (*text, symbol)
        chance = sum(float(frame[symbol]) for frame, symbol in zip(log_probs, path, strict=True))
        sound[text] = float(np.logaddexp(sound.get(text, -math.inf), chance))
    scores = {text: sound[text] + words_score(text, fused) for text in sound}
    return best_text(scores, fused, delimiter)


def plain_search(
    log_probs: NDArray[np.float32], fused: ctc.Fusion, delimiter: int | None
) -> list[int]:
    """Prefix beam search one prefix, symbol and path at a time."""
    # of every prefix, the probability of ending in a blank and in its last symbol
    beams: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}
    scores: dict[Text, float] = {(): 0.0}
    for frame in np.exp(log_probs.astype(np.float64)):
        grown: dict[Text, list[float]] = {}
        for text, (blank, symbol) in beams.items():
            ends = grown.setdefault(text, [0.0, 0.0])
            ends[0] += (blank + symbol) * frame[BLANK]
            if text:
                ends[1] += symbol * frame[text[-1]]
            for new, places in enumerate(fused.places):
                again = bool(text) and text[-1] == new
                if not places or frame[new] <= math.exp(ctc.LEAST):
                    continue
                if new == delimiter and (again or not text):
                    ends[0] += blank * frame[new]
                else:
                    longer = grown.setdefault((*text, new), [0.0, 0.0])
                    longer[1] += (blank if again else blank + symbol) * frame[new]
        scores = {
            text: math.log(sum(ends)) + words_score(text, fused)
            for text, ends in grown.items()
            if sum(ends)
        }
        least = max(scores.values()) - ctc.DEPTH
        kept = sorted(scores, key=lambda text: scores[text], reverse=True)[: ctc.BEAMS]
        beams = {text: (grown[text][0], grown[text][1]) for text in kept if scores[text] >= least}
    return best_text({text: scores[text] for text in beams}, fused, delimiter)


def random_reading(
    random: np.random.Generator, n_frames: int
) -> tuple[NDArray[np.float32], ctc.Fusion]:
    sound = random.dirichlet([0.5] * len(TOKENS), n_frames) + 1e-10
    fused = ctc.Fusion(trigram(random), tuple(map(ctc.letters, TOKENS)), 0.7, 0.6)
    return np.log(sound).astype(np.float32), fused


@pytest.mark.parametrize("delimiter", [SPACE, None])
def test_a_wide_search_is_as_good_as_trying_every_path(
    delimiter: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BEAMS", 10_000), ("DEPTH", 1e3), ("LEAST", -1e3)):
        monkeypatch.setattr(ctc, name, value)
    random = np.random.default_rng(5)
    for _ in range(8):
        log_probs, fused = random_reading(random, n_frames=4)
        found = ctc.search(log_probs, BLANK, fused, delimiter)
        assert found == every_path(log_probs, fused, delimiter)


@pytest.mark.parametrize("delimiter", [SPACE, None])
@pytest.mark.parametrize(("beams", "depth"), [(1, 10.0), (4, 10.0), (48, 10.0), (48, 2.0)])
def test_search_keeps_what_a_plain_one_keeps(
    delimiter: int | None, beams: int, depth: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctc, "BEAMS", beams)
    monkeypatch.setattr(ctc, "DEPTH", depth)
    random = np.random.default_rng(beams)
    for _ in range(5):
        log_probs, fused = random_reading(random, n_frames=25)
        found = ctc.search(log_probs, BLANK, fused, delimiter)
        assert found == plain_search(log_probs, fused, delimiter)


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
