"""Reading an encoder's character logits: greedily, or with a character n-gram beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.nets.ngram import ALPHABET, START, CharNgram

BEAMS = 48
"""Prefixes kept from frame to frame."""

DEPTH = 14.0
"""Prefixes whose score lies further below the best one's are not kept."""

LEAST = math.log(1e-3)
"""Symbols less likely than this in a frame are not tried there."""

_NEVER = -math.inf
_SPACE = ALPHABET.index(" ")


@dataclass(frozen=True, slots=True)
class Span:
    """One symbol of the reading and the frames that said it."""

    symbol: int
    first_frame: int
    last_frame: int  # inclusive
    confidence: float  # highest posterior in the span, 0 to 1


def posteriors(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over symbols, shape (n_frames, n_symbols)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    normalised: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return normalised


def spans(probabilities: NDArray[np.float32], blank: int) -> list[Span]:
    """Merge repeats and drop blanks.

    Args:
        probabilities: (n_frames, n_symbols).
        blank: index of CTC's blank symbol.
    """
    best = probabilities.argmax(axis=-1)
    found: list[Span] = []
    start = 0
    for at in range(1, len(best) + 1):
        if at == len(best) or best[at] != best[start]:
            symbol = int(best[start])
            if symbol != blank:
                certainty = float(probabilities[start:at, symbol].max())
                found.append(Span(symbol, start, at - 1, certainty))
            start = at
    return found


def words(found: Sequence[Span], delimiter: int) -> list[list[Span]]:
    """Group spans into words at the delimiter symbol; empty groups are dropped."""
    groups: list[list[Span]] = [[]]
    for span in found:
        if span.symbol == delimiter:
            groups.append([])
        else:
            groups[-1].append(span)
    return [group for group in groups if group]


@dataclass(slots=True)
class _Beam:
    """One prefix: log probabilities of ending in blank and in its last symbol, and its words."""

    blank: float
    symbol: float
    state: int
    words: float  # weighted log probability of the text so far

    @property
    def sound(self) -> float:
        return _either(self.blank, self.symbol)


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a character n-gram takes part in the reading (shallow fusion).

    The score of a text is log p(text | sound) + weight x log p(text) + bonus x symbols.
    """

    ngram: CharNgram
    places: tuple[tuple[int, ...], ...]  # the letters of each symbol; none: it is never read
    weight: float
    bonus: float  # per letter
    start: int = START  # the n-gram's state before the first symbol


def letters(text: str) -> tuple[int, ...]:
    """Places of a text's letters in the n-gram's alphabet; none if one of them is not in it."""
    places = tuple(ALPHABET.find(letter) for letter in text)
    return () if -1 in places else places


def search(
    log_probs: NDArray[np.float32], blank: int, fusion: Fusion, delimiter: int | None = None
) -> list[int]:
    """The best text by prefix beam search.

    Args:
        log_probs: log posteriors, (n_frames, n_symbols).
        blank: index of CTC's blank symbol.
        fusion: the n-gram and its weight.
        delimiter: index of the word delimiter, if words are not marked otherwise; doubled and
            outer ones are dropped.

    Returns:
        Symbol indexes.
    """
    ngram, weight, bonus = fusion.ngram, fusion.weight, fusion.bonus
    beams: dict[tuple[int, ...], _Beam] = {(): _Beam(0.0, _NEVER, fusion.start, 0.0)}
    best = 0.0  # score of the best prefix
    for frame in log_probs:
        likely = [int(symbol) for symbol in np.flatnonzero(frame > LEAST)]
        candidates = [
            (symbol, float(frame[symbol]))
            for symbol in likely
            if symbol != blank and fusion.places[symbol]
        ]
        silence = float(frame[blank])
        longest = max((len(fusion.places[symbol]) for symbol, _ in candidates), default=0)
        # no better than this now, and a prefix falls out at the end of the frame
        hopeless = best + float(frame.max()) - DEPTH - bonus * longest
        grown: dict[tuple[int, ...], _Beam] = {}
        for prefix, beam in beams.items():
            sound = beam.sound
            last = prefix[-1] if prefix else delimiter
            same = grown.setdefault(prefix, _Beam(_NEVER, _NEVER, beam.state, beam.words))
            same.blank = _either(same.blank, sound + silence)
            if prefix:
                same.symbol = _either(same.symbol, beam.symbol + float(frame[prefix[-1]]))
            for symbol, log_prob in candidates:
                if symbol == delimiter == last:
                    same.blank = _either(same.blank, beam.blank + log_prob)
                    continue
                before = beam.blank if symbol == last else sound
                if before + log_prob + beam.words < hopeless:
                    continue
                longer = (*prefix, symbol)
                extended = grown.get(longer)
                if extended is None:
                    words, state = beam.words, beam.state
                    for place in fusion.places[symbol]:
                        words += weight * float(ngram.following(state)[place]) + bonus
                        state = ngram.advance(state, place)
                    extended = grown[longer] = _Beam(_NEVER, _NEVER, state, words)
                extended.symbol = _either(extended.symbol, before + log_prob)
        scored = sorted(
            ((beam.sound + beam.words, prefix) for prefix, beam in grown.items()), reverse=True
        )
        beams = {
            prefix: grown[prefix]
            for score, prefix in scored[:BEAMS]
            if score >= scored[0][0] - DEPTH
        }
        best = scored[0][0]

    def finished(item: tuple[tuple[int, ...], _Beam]) -> float:
        prefix, beam = item
        ended = not prefix or prefix[-1] == delimiter
        end = 0.0 if ended else float(ngram.following(beam.state)[_SPACE])
        return beam.sound + beam.words + weight * end

    text = list(max(beams.items(), key=finished)[0])
    return text[:-1] if text and text[-1] == delimiter else text


def align(probabilities: NDArray[np.float32], text: Sequence[int], blank: int) -> list[Span]:
    """Where each symbol of a text was said: the best CTC path through it (Viterbi).

    Args:
        probabilities: (n_frames, n_symbols).
        text: symbol indexes; there must be enough frames for them.
        blank: index of CTC's blank symbol.

    Raises:
        ValueError: if the recording is too short for the text.
    """
    path = [blank]
    for symbol in text:
        path += [symbol, blank]
    states = np.array(path)
    log_probs = np.log(probabilities[:, states] + 1e-10)
    skips = np.zeros(len(states), bool)
    skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    score = np.full(len(states), -np.inf)
    score[:2] = log_probs[0, :2]
    came: list[NDArray[np.int64]] = []
    for frame in log_probs[1:]:
        stay, step, skip = score, np.full_like(score, -np.inf), np.full_like(score, -np.inf)
        step[1:] = score[:-1]
        skip[2:] = np.where(skips[2:], score[:-2], -np.inf)
        options = np.stack([stay, step, skip])
        choice = options.argmax(axis=0)
        score = options[choice, np.arange(len(states))] + frame
        came.append(choice)
    at = len(states) - 1 if len(states) == 1 or score[-1] >= score[-2] else len(states) - 2
    if score[at] == -np.inf:
        raise ValueError(f"{len(probabilities)} frames cannot hold {len(text)} symbols.")
    where = [at]
    for choice in reversed(came):
        at -= int(choice[at])
        where.append(at)
    where.reverse()
    places = np.array(where)
    found: list[Span] = []
    for number, symbol in enumerate(text):
        frames = np.flatnonzero(places == 2 * number + 1)
        certainty = float(probabilities[frames, symbol].max())
        found.append(Span(symbol, int(frames[0]), int(frames[-1]), certainty))
    return found


def _either(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))
