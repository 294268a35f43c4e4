"""Whose turn it is to speak: a speaker who continues is not interrupted.

People who search for words make pauses that are too long to wait for at every end. So a turn is
taken back if its speaker continues soon after the cut and before the reply has started, and no
reply starts while somebody is speaking.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from assistant.config import ListenSettings
from assistant.values import FRAME_MS, AudioFrame, EndReason, Utterance

REOPEN_S = 0.8
"""Speech that continues this soon after the cut belongs to the utterance that was cut."""

HOLD_S = 5.0
"""Longest time for which a reply waits until somebody else has finished."""

TALKING = 3
"""Voiced frames among the recent ones that count as ongoing speech."""


class TurnTaking:
    """Gets every frame from the listening thread, and is queried by the one that speaks.

    Args:
        settings: how much voice counts as speech.
        clock: monotonic seconds, as in ``AudioFrame.captured_at``.
    """

    def __init__(
        self, settings: ListenSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = -(-settings.tuned.start_ms // FRAME_MS)
        # as much as the endpointer requires, so that what takes a turn back always is an utterance
        self._least = max(self._start, -(-settings.tuned.min_ms // FRAME_MS))
        self._longest_s = settings.tuned.longest_s
        self._recent: deque[bool] = deque(maxlen=-(-settings.tuned.start_window_ms // FRAME_MS))
        self._clock = clock
        self._changed = threading.Condition()
        self._cut_at: float | None = None
        self._went_on_at: float | None = None
        self._voiced = 0
        self._reopened = False

    def cut(self, utterance: Utterance) -> None:
        """An utterance has ended, and its turn begins.

        It can be taken back if a pause ended it before the maximum length: otherwise endless talk,
        such as from a television, would never be answered.
        """
        may_go_on = (
            utterance.end_reason is EndReason.SILENCE and utterance.seconds < self._longest_s
        )
        with self._changed:
            self._cut_at = self._clock() if may_go_on else None
            self._begin()
            self._reopened = False

    def over(self) -> bool:
        """The turn is over and can no longer be taken back; returns whether it has been."""
        with self._changed:
            reopened, self._cut_at, self._reopened = self._reopened, None, False
            return reopened

    def frame(self, frame: AudioFrame, *, voiced: bool) -> float | None:
        """Count a frame; if it takes the turn back, how many ms after the cut speech went on."""
        with self._changed:
            self._recent.append(voiced)
            reopened_after = self._step(frame, voiced=voiced)
            self._changed.notify_all()
        return reopened_after

    def wait(self) -> bool:
        """Wait until a reply may start; False if its turn has been taken back."""
        with self._changed:
            self._changed.wait_for(lambda: self._reopened or not self._talks(), HOLD_S)
            return not self._reopened

    def _step(self, frame: AudioFrame, *, voiced: bool) -> float | None:
        """Count a frame; how many ms after the cut the speaker went on, once that is certain."""
        if self._cut_at is None or self._reopened or frame.captured_at < self._cut_at:
            return None
        if not any(self._recent):
            self._begin()
        if voiced:
            self._voiced += 1
            if self._went_on_at is None:
                self._went_on_at = frame.captured_at
        went_on_at = self._went_on_at
        if went_on_at is None or went_on_at - self._cut_at > REOPEN_S:
            return None
        if self._voiced < self._least or sum(self._recent) < self._start:
            return None
        self._reopened = True
        return (went_on_at - self._cut_at) * 1000

    def _begin(self) -> None:
        self._went_on_at, self._voiced = None, 0

    def _talks(self) -> bool:
        return sum(self._recent) >= TALKING
