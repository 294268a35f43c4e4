"""Whether a voiced frame is the speaker's own, or the background's: by its level.

A television, music or a vacuum cleaner is voice to the detector. What tells it from the person is
that it was there before, that it is softer than they are, and that it goes on when they stop. So
the levels of what has been heard without a real silence are kept: once somebody is clearly louder
for a while, those are the background's, and what is no louder than them is not the person. Clearly
is by much for 300 ms, or by less for longer: a television 5 dB below somebody is now and then as
loud as they are, but not for a second and a half.

A crowd, music or a machine never falls back to the level of a quiet room. Alone, somebody who
talks in a quiet room does so between any two words, but so does a television's only voice.
Therefore more is asked of a background with such gaps: it must have lasted longer, the speaker
must be louder than nearly all of it, and when they stop, it must be heard at once. Where nothing
was heard before, no level counts.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice

import numpy as np

from assistant.values import FRAME_MS

SMOOTHED = 100 // FRAME_MS
"""Frames over which power is averaged, and from comparison to comparison."""

RECENT = 300 // FRAME_MS
"""Frames in which somebody has to be louder than the background, a half of them."""

LOUDEST = 0.9
"""Quantile of the background's levels that counts as its level."""

LOUDER = (0.9, 3.5)
"""Quantile of a steady background's levels that somebody who speaks over it exceeds, by how much
in dB."""

LOUDER_WITH_GAPS = (0.98, 4.0)
"""The same for a background with gaps."""

STRETCH = 1_500 // FRAME_MS
"""Frames for which somebody has to be louder if it is by less. A stretch is as loud as the mean of
the louder half of its levels."""

STRETCHES = 4
"""Least number of a background's stretches with which that is compared."""

STRETCH_LOUDER_DB = 2.0
"""By how much it has to be louder than all stretches of a steady background."""

STRETCH_LOUDER_WITH_GAPS_DB = 5.0
"""The same for a background with gaps: people who read aloud in a quiet room vary by as much."""

SOFTEST = 0.05
"""Quantile of the levels of a background that tells whether it has gaps."""

STEADY_DB = 17.0
"""Distance of ``SOFTEST`` and ``LOUDEST`` up to which it has none: of babble without anybody 99 %
are within 18 dB, of people who read aloud in a quiet room 1 to 5 % (``bench.homes``)."""

STEADY_FRAMES = 6_000 // FRAME_MS
"""Last frames of a background in which that is looked for."""

KNOWN = 5_000 // FRAME_MS
"""Voiced frames after which a background is known."""

KNOWN_WITH_GAPS = 8_000 // FRAME_MS
"""Frames after which one with gaps is."""

REMEMBERED = 14_000 // FRAME_MS
"""Most frames of a background that are remembered."""

OWN = 500 // FRAME_MS
"""Last of them that may be the speaker's already."""

SILENCE = 2_000 // FRAME_MS
"""Frames without voice after which there is no background."""

ABOVE = 0.35
"""How far above a steady background a frame of the speaker is, as a share of their distance."""

ABOVE_WITH_GAPS = 0.4
"""The same for a background with gaps."""

LEAST_ABOVE_DB = 1.0
"""The same, at least."""

CLEAR_DB = 8.0
"""Distance at which what was heard before certainly is not theirs."""

CLEAR_FRAMES = 2_000 // FRAME_MS
"""Frames after the speaker's first in which that is decided."""

PAUSE = 1_400 // FRAME_MS
"""Frames without voice after which a background with gaps is gone: it would be heard by now, and
who speaks next in a quiet room may be softer than who spoke last."""

GAP = 180 // FRAME_MS
"""Frames of a gap."""

GAP_DB = 12.0
"""By how much they are softer than the background."""

SURE_DB = 14.0
"""Distance at which a gap after the speaker leaves no doubt about what follows it."""

DOUBT = 1_500 // FRAME_MS
"""Frames after the speaker's last after which there is none, either."""

HANGOVER = 600 // FRAME_MS
"""Frames of soft voice after a loud one that still are the speaker's: ends of words, and breath."""

GAP_WITHIN = HANGOVER + 200 // FRAME_MS
"""Frames after the speaker's last within which a gap raises doubts."""

GONE = 5_000 // FRAME_MS
"""Frames without the speaker after which the next one may have any level."""

FORGET_DB = 0.01
"""How much the speaker's loudest falls with each frame: 1 dB in two seconds."""

_NOTHING_DB = -200.0


class Foreground:
    """Follows the levels of a speaker and of the background, from frame to frame."""

    def __init__(self) -> None:
        self._powers: deque[float] = deque(maxlen=SMOOTHED)
        self._recent: deque[float] = deque(maxlen=RECENT)  # in dB, of voiced frames
        self._before: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED)  # in dB, whether voiced
        self._unvoiced = 0
        self._count = 0
        self._leave()

    @property
    def distance_db(self) -> float | None:
        """How far above the background the last 300 ms are; none where there is none.

        When somebody has just been found over a background with gaps, it is their last stretch: it
        may end softly, and nobody in a quiet room may be taken for the background.
        """
        if self._background is None:
            return None
        is_new = self._has_gaps and self._over == RECENT
        level = max(self._exceeded(0.4), self._stretch if is_new else _NOTHING_DB)
        return level - self._background

    def step(self, level_db: float, *, voiced: bool) -> bool:
        """Whether the next frame, of this level, is the speaker's."""
        self._powers.append(10 ** (level_db / 10))
        level = 10 * math.log10(sum(self._powers) / len(self._powers))
        self._recent.append(level if voiced else _NOTHING_DB)
        self._unvoiced = 0 if voiced else self._unvoiced + 1
        self._count += 1
        if self._unvoiced >= SILENCE:
            self._before.clear()
        if self._has_gaps and self._unvoiced >= PAUSE:
            self._leave()
        if self._background is not None:
            self._over += 1
        elif voiced and self._count % SMOOTHED == 0:
            self._compare()
        if self._background is not None:
            exceeded = self._exceeded(0.4)
            self._loudest = max(self._loudest - FORGET_DB, exceeded)
            self._peak = max(self._peak, exceeded)
        is_own = voiced and level >= self._least()
        self._absent = 0 if is_own else self._absent + 1
        if self._background is None or not is_own:
            self._before.append((level, voiced))
        self._look_for_gap(level)
        if self._absent > GONE:
            self._leave()
        return voiced and (is_own or self._absent <= HANGOVER or self._is_doubtful)

    def spoke_up(self) -> int | None:
        """Frames since a speaker spoke up so far above the background that it is not theirs.

        The answer is given once for each speaker, at the frame at which it becomes certain.
        """
        if self._background is None or self._told or self._over > CLEAR_FRAMES:
            return None
        if self._loudest - self._background < CLEAR_DB:
            return None
        self._told = True
        return self._over

    def _compare(self) -> None:
        """Is somebody louder than all that has been heard without a silence?"""
        known = len(self._before) - OWN
        loudness = self._exceeded(0.5)
        if known < KNOWN or loudness == _NOTHING_DB:
            return
        levels, voiced = zip(*islice(self._before, known), strict=True)
        theirs = np.array(levels)[np.array(voiced)]
        if len(theirs) < KNOWN:
            return
        softest, loudest = np.quantile(levels[-STEADY_FRAMES:], (SOFTEST, LOUDEST))
        has_gaps = bool(loudest - softest > STEADY_DB)
        if has_gaps and known < KNOWN_WITH_GAPS:
            return
        share, by_db = LOUDER_WITH_GAPS if has_gaps else LOUDER
        background, exceeded = np.quantile(theirs, (LOUDEST, share))
        if loudness > exceeded + by_db:
            self._begin(float(background), has_gaps=has_gaps)
        elif (stretch := self._louder_for_long(has_gaps=has_gaps)) is not None:
            if has_gaps:  # in which the stretch counts for much
                before = len(levels) - STRETCH + OWN
                theirs = np.array(levels[:before])[np.array(voiced[:before])]
                background = np.quantile(theirs, LOUDEST) if len(theirs) else background
            self._begin(float(background), has_gaps=has_gaps)
            self._stretch = stretch

    def _begin(self, background: float, *, has_gaps: bool) -> None:
        """Somebody speaks over a background of this level."""
        self._leave()
        self._background, self._has_gaps = background, has_gaps
        self._over, self._absent = RECENT, 0

    def _louder_for_long(self, *, has_gaps: bool) -> float | None:
        """The level of the last stretch, if it is louder than all before it."""
        count = len(self._before) // STRETCH
        if count <= STRETCHES:
            return None
        levels = np.array([level for level, _ in self._before])[-count * STRETCH :]
        halves = np.sort(levels.reshape(count, STRETCH))[:, -STRETCH // 2 :].mean(axis=1)
        by_db = STRETCH_LOUDER_WITH_GAPS_DB if has_gaps else STRETCH_LOUDER_DB
        return float(halves[-1]) if halves[-1] > halves[:-1].max() + by_db else None

    def _look_for_gap(self, level: float) -> None:
        """After a gap, what is softer may be the speaker's next sentence."""
        if self._background is None or not self._has_gaps:
            return
        self._gap = self._gap + 1 if level < self._background - GAP_DB else 0
        if self._absent == 0:
            self._gap, self._gapped = 0, False
        elif self._gap >= GAP and self._absent <= GAP_WITHIN:
            self._gapped = True

    @property
    def _is_doubtful(self) -> bool:
        """Whether what is softer than the speaker may be theirs nevertheless."""
        if self._background is None:
            return True
        is_sure = self._absent > DOUBT or self._peak - self._background >= SURE_DB
        return self._gapped and not is_sure

    def _exceeded(self, share: float) -> float:
        """The level that so many of the recent frames exceed."""
        if len(self._recent) < RECENT:
            return _NOTHING_DB
        return sorted(self._recent)[-max(1, round(share * RECENT))]

    def _least(self) -> float:
        """Level from which a frame is the speaker's."""
        if self._background is None:
            return _NOTHING_DB
        share = ABOVE_WITH_GAPS if self._has_gaps else ABOVE
        above = max(LEAST_ABOVE_DB, share * (self._loudest - self._background))
        return self._background + above

    def _leave(self) -> None:
        """Nobody is speaking: the next speaker may have any level."""
        self._background: float | None = None
        self._has_gaps = False
        self._stretch = _NOTHING_DB  # the level of the one in which they were found
        self._loudest = self._peak = _NOTHING_DB
        self._absent = HANGOVER
        self._over = 0  # frames since they spoke up
        self._told = False
        self._gap, self._gapped = 0, False  # frames of a gap; there was one after the speaker
