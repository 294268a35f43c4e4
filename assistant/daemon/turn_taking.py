"""Whose turn it is to speak: a speaker who goes on is not interrupted.

People who search for words make pauses that are longer than one may wait at every end. So a turn
is taken back when its speaker goes on soon after the cut and before the reply has begun; and no
reply begins while somebody speaks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from assistant.config import ListenSettings
from assistant.values import FRAME_MS, AudioFrame, EndReason, Utterance

REOPEN_S = 0.8
"""Speech that goes on this soon after the cut belongs to the utterance that was cut."""

HOLD_S = 5.0
"""Longest time for which a reply waits until somebody else has finished."""

TALKING = 3
"""Voiced frames among the recent ones that are taken for speech that goes on."""


class TurnTaking:
    """Gets every frame from the listening thread, and is asked by the one that speaks.

    Args:
        settings: how much voice is speech.
        clock: monotonic seconds, as in ``AudioFrame.captured_at``.
    """

    def __init__(
        self,
        settings: ListenSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = -(-settings.tuned.start_ms // FRAME_MS)
        # as much as the endpointer asks of an utterance: what takes a turn back never comes to
        # nothing
        self._least = max(self._start, -(-settings.tuned.min_ms // FRAME_MS))
        self._max_s = settings.tuned.max_s
        self._recent: deque[bool] = deque(maxlen=-(-settings.tuned.start_window_ms // FRAME_MS))
        self._clock = clock
        self._changed = threading.Condition()
        self._cut_at: float | None = None
        self._went_on_at: float | None = None
        self._voiced = 0
        self._reopened = False

    def cut(self, utterance: Utterance) -> None:
        """An utterance has ended, and its turn begins.

        It can be taken back if a pause has ended it and it is not as long as any may be: who
        talks on and on, such as a television, would never be answered.
        """
        may_go_on = utterance.end_reason is EndReason.SILENCE and utterance.seconds < self._max_s
        with self._changed:
            self._cut_at = self._clock() if may_go_on else None
            self._begin()
            self._reopened = False

    def over(self) -> bool:
        """The turn is over: nothing takes it back any more; whether it has been taken back."""
        with self._changed:
            reopened, self._cut_at, self._reopened = self._reopened, None, False
            return reopened

    def frame(self, frame: AudioFrame, *, voiced: bool) -> float | None:
        """Somebody may have spoken in this frame.

        Returns:
            If it takes the turn back, how long after the cut its speaker went on, in ms.
        """
        with self._changed:
            self._recent.append(voiced)
            reopened_after = self._step(frame, voiced=voiced)
            self._changed.notify_all()
        return reopened_after

    def wait(self) -> bool:
        """Return when a reply may begin; False if its turn has been taken back."""
        with self._changed:
            self._changed.wait_for(lambda: self._reopened or not self._talks(), HOLD_S)
            return not self._reopened

    def _step(self, frame: AudioFrame, *, voiced: bool) -> float | None:
        """Count a frame; how many ms after the cut the speaker went on, once that is sure."""
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
