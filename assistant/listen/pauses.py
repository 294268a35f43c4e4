"""How long this user pauses while speaking, and so how long to wait for the end.

A silence is either the end, or more speech follows. The odds of more are how often this user
pauses, relative to how often they finish, times the share of their pauses that last this long. The
limit is where these odds fall to ``ListenTuning.cut_offs``, the accepted premature cut-offs per
correct end. Two clues change the odds as far as they have been informative for this user: how
likely the words so far are a finished request, and how much has been said, compared with what this
user usually says.

It begins patient and learns to be quicker: a new user is waited for longer than the fixed limit
unless the words are a finished request, and for less than that only once enough of their ends have
been seen. Pauses that last longer than the limit and the time to reopen an
utterance together are never noticed: they count as ends.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.config import ListenSettings

LEAST_MS = 300
"""Shortest silence that counts as a pause; shorter ones lie within words."""

LONGEST_MS = 6_000
"""Longer pauses count as this long."""

FINISHED = (0.1, 0.4)
"""Boundaries between the kinds of probability that a request is finished."""

SAID = (0.3, 0.6, 0.9, 1.3)
"""Boundaries between the kinds of shares of what the user usually says."""

USUAL_MS = 1_500.0
"""Voiced time per utterance assumed for a new user."""

PAUSES_PER_END = 0.5
"""Pauses per utterance assumed for a new user."""

PRIOR = 10.0
"""How many observed pauses and ends weigh as much as these assumptions."""

PATIENT = 1.5
"""Limit for a new user of whose request nothing is known, as a multiple of the fixed one."""

KNOWN = 20
"""Ends of a user after which the limit may be as short as any."""

BEFORE = (((0.79, 0.14, 0.07), (0.13, 0.38, 0.49)), None)
"""For each clue: how often each kind comes before a pause and before an end, for a new user; none
if that is not known. Measured with ``bench.endpointing --clue`` on the 2,500 sentences of
speechocean762, 2026-11-30."""

SPREAD = 0.15
"""A pause may be longer than observed ones by about this share."""

_STEP_MS = 20
_VERSION = 1
_KINDS = (len(FINISHED) + 1, len(SAID) + 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known about an utterance when a silence in it begins."""

    voiced_ms: float  # voiced time so far
    finished: float | None = None  # how likely the words are a finished request, if known


class Pauses:
    """Learns pauses and gives the silence that ends an utterance; usable from any thread.

    An explicit ``listen.silence_ms`` is the limit, and nothing is learned. While ``is_patient``, as
    the speaker has just asked for time, the limit is the longest.
    """

    def __init__(
        self, settings: ListenSettings, is_patient: Callable[[], bool] = lambda: False
    ) -> None:
        self._is_patient = is_patient
        self._fixed_ms = settings.silence_ms
        self._start_ms = settings.end_silence_ms  # the shortest limit for a new user
        self._cut_offs = settings.tuned.cut_offs
        self._keep = 0.5 ** (1 / settings.tuned.pauses_half_life)
        self._lengths_ms = np.arange(LEAST_MS, LONGEST_MS + 1, _STEP_MS)
        self._limits_ms, self._outlast, self._expected = _tails(settings, self._lengths_ms)
        self._weights = np.zeros(len(self._lengths_ms))  # of the pauses, by length
        self._ends = 0.0
        self._paused = tuple(np.zeros(count) for count in _KINDS)  # pauses, by each clue
        self._ended = tuple(np.zeros(count) for count in _KINDS)  # ends
        self._usual_ms = USUAL_MS
        self._last: _End | None = None  # it may still prove premature
        self._lock = threading.Lock()

    @property
    def learning(self) -> bool:
        """Whether the limit is learned."""
        return self._fixed_ms is None

    def limit_ms(self, moment: Moment) -> int:
        """The silence that ends an utterance now."""
        if self._is_patient():
            return max(self._fixed_ms or 0, int(self._limits_ms[-1]))
        if self._fixed_ms is not None:
            return self._fixed_ms
        with self._lock:
            paused = float(self._weights.sum())
            outlasting = self._weights @ self._outlast + PRIOR * self._expected
            odds = outlasting / (paused + PRIOR)
            odds *= (paused + PRIOR * PAUSES_PER_END) / (self._ends + PRIOR)
            for clue, kind in self._kinds(moment):
                odds *= _ratio(self._paused[clue], self._ended[clue], kind, BEFORE[clue])
            known = min(self._ends / KNOWN, 1.0)
        enough = np.flatnonzero(odds <= self._cut_offs * (1 + 1e-9))
        least_ms = self._start_ms + (int(self._limits_ms[0]) - self._start_ms) * known
        found_ms = int(self._limits_ms[enough[0] if len(enough) else -1])
        return min(max(found_ms, round(least_ms)), int(self._limits_ms[-1]))

    def went_on(self, silence_ms: float, moment: Moment) -> None:
        """A silence within an utterance was not its end."""
        if self._fixed_ms is None:
            with self._lock:
                self._count_pause(silence_ms, self._kinds(moment))

    def ended(self, silence_ms: float, moment: Moment) -> None:
        """An utterance was ended after so much silence."""
        if self._fixed_ms is not None:
            return
        with self._lock:
            kinds = self._kinds(moment)
            self._last = _End(silence_ms, kinds, self._usual_ms)
            for counts in (self._weights, *self._paused, *self._ended):
                np.multiply(counts, self._keep, out=counts)
            self._ends = self._ends * self._keep + 1
            for clue, kind in kinds:
                self._ended[clue][kind] += 1
            self._usual_ms += (moment.voiced_ms - self._usual_ms) / (min(self._ends, 50) + 1)

    def false_cut(self, gap_ms: float) -> None:
        """The last end was premature: the user went on after so much more silence."""
        with self._lock:
            if self._last is None:
                return
            last, self._last = self._last, None
            self._ends -= 1
            for clue, kind in last.kinds:
                self._ended[clue][kind] -= 1
            self._usual_ms = last.usual_ms
            self._count_pause(last.silence_ms + gap_ms, last.kinds)

    def dump(self) -> str:
        """What has been learned, as JSON."""
        with self._lock:
            used = np.flatnonzero(self._weights > 1e-3)
            return json.dumps(
                {
                    "version": _VERSION,
                    "lengths": {
                        str(self._lengths_ms[at]): _round(self._weights[at]) for at in used
                    },
                    "ends": _round(self._ends),
                    "paused": [[_round(count) for count in counts] for counts in self._paused],
                    "ended": [[_round(count) for count in counts] for counts in self._ended],
                    "usual_ms": _round(self._usual_ms),
                }
            )

    def load(self, text: str) -> bool:
        """Restore what ``dump`` returned, and say whether that worked; else nothing changes."""
        try:
            saved: dict[str, Any] = json.loads(text)
            if saved["version"] != _VERSION:
                return False
            weights = np.zeros(len(self._lengths_ms))
            for length, weight in saved["lengths"].items():
                weights[self._place(int(length))] += _count(weight)
            ends, usual_ms = _count(saved["ends"]), _count(saved["usual_ms"])
            paused, ended = _counts(saved["paused"]), _counts(saved["ended"])
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return False
        with self._lock:
            self._weights, self._ends, self._usual_ms = weights, ends, max(usual_ms, 1.0)
            self._paused, self._ended = paused, ended
            self._last = None
        return True

    def _count_pause(self, silence_ms: float, kinds: tuple[tuple[int, int], ...]) -> None:
        self._weights[self._place(silence_ms)] += 1
        for clue, kind in kinds:
            self._paused[clue][kind] += 1

    def _kinds(self, moment: Moment) -> tuple[tuple[int, int], ...]:
        """Each clue with its kind; called with the lock held."""
        said = (1, sum(moment.voiced_ms / self._usual_ms >= edge for edge in SAID))
        if moment.finished is None:
            return (said,)
        return (0, sum(moment.finished >= edge for edge in FINISHED)), said

    def _place(self, silence_ms: float) -> int:
        place = round((silence_ms - LEAST_MS) / _STEP_MS)
        return min(max(place, 0), len(self._lengths_ms) - 1)


@dataclass(frozen=True, slots=True)
class _End:
    """An end as it was counted."""

    silence_ms: float
    kinds: tuple[tuple[int, int], ...]
    usual_ms: float  # before it


def _tails(
    settings: ListenSettings, lengths_ms: NDArray[np.int_]
) -> tuple[NDArray[np.int_], NDArray[np.float64], NDArray[np.float64]]:
    """Possible limits, and the share of pauses that outlast each: by length, and for a new user.

    Returns:
        Shapes (n_limits,), (n_lengths, n_limits) and (n_limits,).
    """
    floor_ms, ceiling_ms = settings.tuned.floor_ms, settings.longest_silence_ms
    limits_ms = np.arange(floor_ms, max(ceiling_ms, floor_ms) + 1, _STEP_MS)
    over_ms = np.maximum(limits_ms - lengths_ms[:, None], 0)
    outlast = np.exp(-over_ms / (SPREAD * lengths_ms[:, None]))
    # the tail that makes the odds just low enough at the patient limit
    left = settings.tuned.cut_offs / PAUSES_PER_END
    tail_ms = max(PATIENT * settings.end_silence_ms - LEAST_MS, _STEP_MS) / -math.log(left)
    return limits_ms, outlast, np.exp(-(limits_ms - LEAST_MS) / tail_ms)


def _ratio(
    paused: NDArray[np.float64],
    ended: NDArray[np.float64],
    kind: int,
    before: tuple[tuple[float, ...], tuple[float, ...]] | None,
) -> float:
    """By how much this kind of a clue raises the odds of more speech; 1 if nothing is known."""
    if before is None:
        both = paused + ended
        expected = (both[kind] + 1) / (both.sum() + len(both))
        before_pause = before_end = expected
    else:
        before_pause, before_end = (shares[kind] for shares in before)
    among_paused = (paused[kind] + PRIOR * before_pause) / (paused.sum() + PRIOR)
    among_ended = (ended[kind] + PRIOR * before_end) / (ended.sum() + PRIOR)
    return float(among_paused / among_ended)


def _round(count: float) -> float:
    return round(float(count), 3)


def _count(value: float) -> float:
    count = float(value)
    if not 0 <= count < math.inf:
        raise ValueError(f"a count of {value}")
    return count


def _counts(values: list[list[float]]) -> tuple[NDArray[np.float64], ...]:
    """One count for each kind of each clue."""
    counts = tuple(np.array([_count(value) for value in each]) for each in values)
    if tuple(len(each) for each in counts) != _KINDS:
        raise ValueError(f"counts of {values}")
    return counts
