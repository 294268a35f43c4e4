"""Decoding an encoder's character logits, greedily or with a character n-gram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from assistant.nets.ngram import ALPHABET, START, CharNgram

BEAMS = 192
"""Prefixes kept from frame to frame."""

DEPTH = 10.0
"""Prefixes that score this much less than the best one are dropped."""

LEAST = math.log(1e-3)
"""Symbols below this log probability in a frame are not tried there."""

_NEVER = -math.inf
_SPACE = ALPHABET.index(" ")


@dataclass(frozen=True, slots=True)
class Span:
    """One decoded symbol and its frames."""

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
    """Greedy decoding of (n_frames, n_symbols): merge repeats and drop blanks."""
    best: list[int] = probabilities.argmax(axis=-1).tolist()
    found: list[Span] = []
    for symbol, run in groupby(range(len(best)), key=best.__getitem__):
        frames = list(run)
        if symbol != blank:
            certainty = float(probabilities[frames, symbol].max())
            found.append(Span(symbol, frames[0], frames[-1], certainty))
    return found


def words(found: Sequence[Span], delimiter: int) -> list[list[Span]]:
    """Group spans into words at the delimiter symbol; empty groups are dropped."""
    grouped = groupby(found, key=lambda span: span.symbol == delimiter)
    return [list(group) for is_delimiter, group in grouped if not is_delimiter]


@dataclass(frozen=True, slots=True)
class Fusion:
    """Shallow fusion with a character n-gram.

    The score of a text is log p(text | sound) + weight x log p(text) + bonus x letters.
    """

    ngram: CharNgram
    places: tuple[
        tuple[int, ...], ...
    ]  # the letters of each symbol; symbols without any are never read
    weight: float
    bonus: float  # per letter
    start: int = START  # the n-gram's state before the first symbol


def letters(text: str) -> tuple[int, ...]:
    """Indexes of a text's letters in the n-gram's alphabet; empty if one is missing there."""
    places = tuple(ALPHABET.find(letter) for letter in text)
    return () if -1 in places else places


def search(
    log_probs: NDArray[np.float32], blank: int, fusion: Fusion, delimiter: int | None = None
) -> list[int]:
    """Symbol indexes of the best text by prefix beam search.

    Args:
        log_probs: log posteriors, (n_frames, n_symbols).
        blank: index of CTC's blank symbol.
        fusion: the n-gram and its weight.
        delimiter: index of the word delimiter, if there is one; doubled and outer ones are dropped.
    """
    if delimiter is None:
        delimiter = blank  # no prefix ends in it, so none is mistaken for a complete word
    lexicon, trie = _Lexicon(fusion, blank, delimiter), _Trie()
    beams = _Beams.first(fusion, delimiter)
    for frame in log_probs.astype(np.float64):
        beams = _step(beams, frame, lexicon, trie)
    ends = np.where(beams.last == delimiter, 0.0, beams.following[:, _SPACE])
    best = int(np.argmax(beams.sound + beams.words + fusion.weight * ends))
    text = trie.text(int(beams.prefix[best]))
    return text[:-1] if text and text[-1] == delimiter else text


@dataclass(frozen=True, slots=True)
class _Beams:
    """The distinct prefixes kept; every array has shape (n_beams, ...)."""

    blank: NDArray[np.float64]  # log probability of ending in the blank
    symbol: NDArray[np.float64]  # log probability of ending in the last symbol
    words: NDArray[np.float64]  # weighted log probability of the text so far
    last: NDArray[np.int64]  # the last symbol; the delimiter if there is none
    prefix: NDArray[np.int64]  # its number in the trie
    parent: NDArray[np.int64]  # number of the prefix one symbol shorter
    states: list[int]
    following: NDArray[np.float32]  # what the n-gram expects, (n_beams, n_letters)

    @classmethod
    def first(cls, fusion: Fusion, delimiter: int) -> _Beams:
        """The empty prefix."""
        return cls(
            blank=np.zeros(1),
            symbol=np.full(1, _NEVER),
            words=np.zeros(1),
            last=np.array([delimiter]),
            prefix=np.array([_Trie.ROOT]),
            parent=np.array([_Trie.ROOT - 1]),
            states=[fusion.start],
            following=fusion.ngram.following_each([fusion.start]),
        )

    @property
    def sound(self) -> NDArray[np.float64]:
        return np.logaddexp(self.blank, self.symbol)


class _Trie:
    """Gives every prefix a permanent number, even if it is dropped and returns."""

    ROOT = 0

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}
        self._links = [(-1, -1)]  # parent and last symbol of every number

    def number(self, parent: int, symbol: int) -> int:
        link = (parent, symbol)
        found = self._numbers.get(link)
        if found is None:
            found = self._numbers[link] = len(self._links)
            self._links.append(link)
        return found

    def text(self, number: int) -> list[int]:
        """The symbols of a prefix."""
        found: list[int] = []
        while number != self.ROOT:
            number, symbol = self._links[number]
            found.append(symbol)
        return found[::-1]


class _Lexicon:
    """The symbols and their n-gram scores after a state."""

    def __init__(self, fusion: Fusion, blank: int, delimiter: int) -> None:
        self.blank = blank
        self.delimiter = delimiter
        self._fusion = fusion
        self._spelled: dict[tuple[int, int], tuple[float, int]] = {}
        self._n_letters = np.array([len(places) for places in fusion.places])
        self._first = np.array([places[0] if places else 0 for places in fusion.places])
        self.readable = self._n_letters > 0
        self.readable[blank] = False

    def bounds(
        self, following: NDArray[np.float32], symbols: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Upper bounds on the symbols' gains, (n_beams, n_symbols); exact for single letters.

        ``following`` is the n-gram's expectation of the first letter, (n_beams, n_letters).
        """
        first = following[:, self._first[symbols]].astype(np.float64)
        return self._fusion.weight * first + self._fusion.bonus * self._n_letters[symbols]

    def several(self, symbols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which symbols have more than one letter."""
        return self._n_letters[symbols] > 1

    def spell(self, state: int, symbol: int) -> tuple[float, int]:
        """A symbol's gain after a state, and the following state."""
        found = self._spelled.get((state, symbol))
        if found is None:
            ngram, gain, after = self._fusion.ngram, 0.0, state
            for place in self._fusion.places[symbol]:
                following = float(ngram.following(after)[place])
                gain += self._fusion.weight * following + self._fusion.bonus
                after = ngram.advance(after, place)
            found = self._spelled[state, symbol] = (gain, after)
        return found

    def after(self, state: int, symbol: int) -> int:
        """The state after a symbol."""
        places = self._fusion.places[symbol]
        if len(places) == 1:
            return self._fusion.ngram.advance(state, places[0])
        return self.spell(state, symbol)[1]

    def rows(self, states: list[int]) -> NDArray[np.float32]:
        """What the n-gram expects after each of some states, (n_states, n_letters)."""
        return self._fusion.ngram.following_each(states)


def _step(beams: _Beams, frame: NDArray[np.float64], lexicon: _Lexicon, trie: _Trie) -> _Beams:
    """The beams after one more frame."""
    likely = np.flatnonzero((frame > LEAST) & lexicon.readable)
    sound = beams.sound
    silent, same = sound + frame[lexicon.blank], beams.symbol + frame[beams.last]
    again = beams.last[:, None] == likely
    # for every beam and likely symbol; a repeat counts as new only after a blank
    said = np.where(again, beams.blank[:, None], sound[:, None]) + frame[likely]

    at, column = np.nonzero(again & (likely == lexicon.delimiter))
    silent[at] = np.logaddexp(silent[at], said[at, column])
    said[at, column] = _NEVER

    # an extended beam already exists only if an existing one names it as its parent
    child, column = np.nonzero(again)
    order = np.argsort(beams.prefix)
    near = np.searchsorted(beams.prefix, beams.parent[child], sorter=order)
    parent = order[np.minimum(near, len(order) - 1)]
    same_one = beams.prefix[parent] == beams.parent[child]
    child, column, parent = child[same_one], column[same_one], parent[same_one]
    same[child] = np.logaddexp(same[child], said[parent, column])
    said[parent, column] = _NEVER

    stay = np.logaddexp(silent, same) + beams.words
    words = beams.words[:, None] + lexicon.bounds(beams.following, likely)
    _spell_out(words, said, beams, likely, float(stay.max()), lexicon)
    score = np.concatenate([stay, (said + words).ravel()])
    kept = np.flatnonzero(score >= score.max() - DEPTH)
    if len(kept) > BEAMS:
        kept = np.sort(kept[np.argpartition(score[kept], -BEAMS)[-BEAMS:]])

    n_stay = int(np.searchsorted(kept, len(stay)))
    stays, new = kept[:n_stay], kept[n_stay:] - len(stay)
    came, column = new // max(1, len(likely)), new % max(1, len(likely))
    symbols, parents = likely[column], beams.prefix[came]
    numbers = list(map(trie.number, parents.tolist(), symbols.tolist()))
    old_states = [beams.states[int(at)] for at in came]
    states = list(map(lexicon.after, old_states, symbols.tolist()))
    return _Beams(
        blank=np.concatenate([silent[stays], np.full(len(new), _NEVER)]),
        symbol=np.concatenate([same[stays], said[came, column]]),
        words=np.concatenate([beams.words[stays], words[came, column]]),
        last=np.concatenate([beams.last[stays], symbols]),
        prefix=np.concatenate([beams.prefix[stays], np.array(numbers, np.int64)]),
        parent=np.concatenate([beams.parent[stays], parents]),
        states=[beams.states[int(at)] for at in stays] + states,
        following=np.concatenate([beams.following[stays], lexicon.rows(states)]),
    )


def _spell_out(
    words: NDArray[np.float64],
    said: NDArray[np.float64],
    beams: _Beams,
    likely: NDArray[np.int64],
    best: float,
    lexicon: _Lexicon,
) -> None:
    """Replace the bounds of multi-letter symbols by their actual gains where it may matter."""
    several = lexicon.several(likely)
    if not several.any():
        return
    score = said + words
    best = max(best, float(score[:, ~several].max(initial=_NEVER)))
    score[:, ~several] = _NEVER
    # most promising first: as soon as one falls out of reach, the rest has, too
    places = np.flatnonzero(score >= best - DEPTH)
    places = places[np.argsort(-score.ravel()[places])]
    rows, columns = np.divmod(places, len(likely))
    sounds, before = said.ravel()[places].tolist(), beams.words[rows].tolist()
    states = [beams.states[int(at)] for at in rows]
    symbols = likely[columns].tolist()
    spelled: list[float] = []
    for number, bound in enumerate(score.ravel()[places].tolist()):
        if bound < best - DEPTH:
            break
        spelled.append(before[number] + lexicon.spell(states[number], symbols[number])[0])
        best = max(best, sounds[number] + spelled[number])
    n_spelled = len(spelled)
    words[rows[:n_spelled], columns[:n_spelled]] = spelled
    said[rows[n_spelled:], columns[n_spelled:]] = _NEVER


def likelihood(log_probs: NDArray[np.float32], text: Sequence[int], blank: int) -> float:
    """Natural logarithm of a text's probability, summed over its CTC paths (forward algorithm).

    Args:
        log_probs: log posteriors, (n_frames, n_symbols).
        text: symbol indexes.
        blank: index of CTC's blank symbol.
    """
    states, skips = _states(text, blank)
    score = np.full(len(states), _NEVER)
    score[:2] = log_probs[0, states[:2]]
    for frame in log_probs[1:, states].astype(np.float64):
        step, skip = np.full_like(score, _NEVER), np.full_like(score, _NEVER)
        step[1:] = score[:-1]
        skip[2:] = np.where(skips[2:], score[:-2], _NEVER)
        score = np.logaddexp(np.logaddexp(score, step), skip) + frame
    return float(np.logaddexp.reduce(score[-2:]))


def _states(text: Sequence[int], blank: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The symbols with blanks around each, and which may follow the symbol before directly."""
    path = [blank]
    for symbol in text:
        path += [symbol, blank]
    states = np.array(path)
    skips = np.zeros(len(states), bool)
    skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    return states, skips


def align(probabilities: NDArray[np.float32], text: Sequence[int], blank: int) -> list[Span]:
    """Locate each symbol of a text on the best CTC path through it (Viterbi).

    Args:
        probabilities: (n_frames, n_symbols).
        text: symbol indexes.
        blank: index of CTC's blank symbol.

    Raises:
        ValueError: if the recording is too short for the text.
    """
    states, skips = _states(text, blank)
    log_probs = np.log(probabilities[:, states] + 1e-10)
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
