"""From frames to utterances: the endpointer, with sound, a clock and learned pauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import webrtcvad  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from assistant.audio.resample import to_float32
from assistant.config import ListenSettings
from assistant.listen.ear import Ear, Hearing, Woken
from assistant.listen.endpoint import (
    TRAIL_FRAMES,
    Dropped,
    Ended,
    Endpointer,
    Paused,
    Resumed,
    Started,
)
from assistant.listen.foreground import Foreground
from assistant.listen.meter import dbfs
from assistant.listen.pauses import Moment, Pauses
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame, EndReason, Utterance

WENT_ON_MS = 800
"""Speech that follows an end within this gap continues the utterance."""

Complete = Callable[[NDArray[np.float32], float], float | None]
"""How likely the utterance so far is a finished request, 0 to 1, or ``None`` if that is unknown:
from its sound, mono 16 kHz in [-1, 1], shape (n_samples,), and the seconds of voice in it."""

Words = Callable[[NDArray[np.float32], float], bool]
"""Whether words are said in a sound, which is given as to ``Complete``."""

LOOK_FRAMES = 500 // FRAME_MS
"""Frames before the limit of an utterance at which it is looked for words."""

_FRAME_S = FRAME_MS / 1000


def voiced(mode: int) -> Callable[[AudioFrame], bool]:
    """A new webrtcvad of aggressiveness 0 to 3; it adapts, so each stream needs its own."""
    detector = cast("Any", webrtcvad).Vad(mode)

    def is_speech(frame: AudioFrame) -> bool:
        return bool(detector.is_speech(frame.samples.tobytes(), SAMPLE_RATE))

    return is_speech


def segment(  # noqa: PLR0913 - everything that takes part in listening; most of it is optional
    frames: Iterable[AudioFrame],
    is_speech: Callable[[AudioFrame], bool],
    settings: ListenSettings,
    *,
    deaf: Callable[[AudioFrame], bool] | None = None,
    open: Callable[[AudioFrame], bool] | None = None,  # noqa: A002 - as in an open microphone
    woken: Woken | None = None,
    pauses: Pauses | None = None,
    complete: Complete | None = None,
    words: Words | None = None,
    on_frame: Callable[[AudioFrame, bool], None] | None = None,
    on_start: Callable[[float | None], None] | None = None,
    source: str = "unknown",
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> Iterator[Utterance]:
    """The utterances in a stream of frames, each as soon as it has ended.

    Args:
        frames: 20 ms each, in order.
        is_speech: the voice activity detector.
        settings: the times to wait, and whether the speaker is told from a background.
        deaf: frames for which this is true are dropped, and with them an utterance under way; what
            goes on right after them is half an utterance.
        open: frames for which this is false are not heard; they end an utterance under way.
        woken: whether a wake word opens the ear; without one it is open.
        pauses: says how long to wait for the end, and learns from it; none: as set.
        complete: asked in each silence, before it is a pause.
        words: asked shortly before the limit about what was said since the limit before: an
            utterance with words goes on, up to ``longest_s``; none: it ends there.
        on_frame: called with each frame that is heard, and whether the speaker is heard in it.
        on_start: called when an utterance has begun, with the silence in ms since the previous one
            was ended by silence, or ``None``.
        source: for ``Utterance.source``.
        now: the wall clock, timezone-aware.
    """
    endpointer = Endpointer(settings)
    patience = _Patience(settings, pauses, complete)
    held = _Held(now, source)
    hearing = Hearing(deaf, open, woken)
    foreground = Foreground() if settings.tuned.foreground else None
    for frame, ear in hearing.of(frames, lambda: endpointer.active):
        if ear is not Ear.OPEN:
            event = endpointer.finish() if ear is Ear.SHUT else None
            if isinstance(event, Ended):
                yield patience.ended(held.utterance(event))
            endpointer.reset()
            patience.interrupted()
            held.frames.clear()
            continue
        held.frames.append(frame)
        is_own = _is_own(frame, foreground, voiced=is_speech(frame))
        if on_frame is not None:
            on_frame(frame, is_own)
        event = endpointer.step(is_own)
        patience.frame_passed(endpointer, held.frames)
        if isinstance(event, Started):
            held.begin(event.length, is_half=hearing.has_missed(event.onset))
            held.contrast_db = None
            gap_ms = patience.started(event.onset)
            if on_start is not None:
                on_start(gap_ms)
        elif isinstance(event, Ended):
            yield patience.ended(held.utterance(event))
            del held.frames[: event.length]
        elif event is not None:
            patience.follow(event, endpointer)
        held.rose(None if foreground is None else foreground.distance_db)
        if not endpointer.active:
            del held.frames[: -endpointer.reach]
        elif foreground is not None and (onset := foreground.spoke_up()) is not None:
            held.begin(endpointer.leave_out(onset))
            patience.dropped()
        elif endpointer.left == LOOK_FRAMES and patience.has_words(endpointer, held.frames, words):
            endpointer.go_on()
    last = endpointer.finish()
    if isinstance(last, Ended):
        yield patience.ended(held.utterance(last))


def _is_own(frame: AudioFrame, foreground: Foreground | None, *, voiced: bool) -> bool:
    """Whether the speaker is heard in a frame."""
    return voiced if foreground is None else foreground.step(dbfs(frame.samples), voiced=voiced)


class _Held:
    """The frames of the utterance under way, or those before the next."""

    def __init__(self, now: Callable[[], datetime], source: str) -> None:
        self._now, self._source = now, source
        self._started_at, self._is_half = now(), False
        self.contrast_db: float | None = None
        self.frames: list[AudioFrame] = []

    def begin(self, length: int, *, is_half: bool = False) -> None:
        """The last so many frames are the beginning of an utterance, or of half of one."""
        del self.frames[:-length]
        # only a difference: the wall clock may be adjusted while the daemon runs
        age_s = self.frames[-1].captured_at + _FRAME_S - self.frames[0].captured_at
        self._started_at = self._now() - timedelta(seconds=age_s)
        self._is_half = is_half

    def rose(self, distance_db: float | None) -> None:
        """What was just heard is so far above the background, if there is one."""
        if distance_db is not None:
            self.contrast_db = max(distance_db, self.contrast_db or distance_db)

    def utterance(self, end: Ended) -> Utterance:
        """It has ended."""
        return Utterance(
            samples=_samples(self.frames[: end.length]),
            started_at=self._started_at,
            end_reason=end.reason,
            endpoint_ms=float(end.silence * FRAME_MS),
            source=self._source,
            is_half=self._is_half,
            voiced_s=end.voiced * _FRAME_S,
            contrast_db=self.contrast_db,
        )


class _Patience:
    """Follows the utterance under way, and learns its pauses when it has ended."""

    def __init__(
        self, settings: ListenSettings, pauses: Pauses | None, complete: Complete | None
    ) -> None:
        self._pauses = pauses if pauses is not None and pauses.learning else None
        self._complete = complete
        self._longest = round(settings.tuned.longest_s * SAMPLE_RATE)
        self.interrupted()

    def interrupted(self) -> None:
        """What comes next has nothing to do with what came before."""
        self._since_cut: int | None = None  # frames
        self._before = np.empty(0, np.float32)  # what the utterance under way continues
        self._before_s = 0.0  # voiced time of that
        self.dropped()

    def dropped(self) -> None:
        """What was under way was not speech."""
        self._made: list[tuple[int, Moment]] = []  # pauses in ms
        self._moment: Moment | None = None  # of the last silence
        self._finished: float | None = None  # how likely a request is whole at that silence
        self._looked = 0, 0  # frames of the utterance that were looked at for words, and voiced

    def follow(self, event: Paused | Resumed | Dropped, endpointer: Endpointer) -> None:
        """Set how long to wait in a pause, and remember the pauses that were made."""
        if isinstance(event, Dropped):
            self.dropped()
        elif isinstance(event, Resumed):
            if self._moment is not None:
                self._made.append((event.silence * FRAME_MS, self._moment))
        elif self._pauses is not None:
            voiced_ms = self._before_s * 1000 + event.voiced * FRAME_MS
            self._moment = Moment(voiced_ms, self._finished)
            endpointer.wait(self._pauses.limit_ms(self._moment))

    def has_words(
        self, endpointer: Endpointer, held: list[AudioFrame], words: Words | None
    ) -> bool:
        """Whether words have been said since the last time that this was asked."""
        if words is None:
            return False
        (length, voiced), self._looked = self._looked, (len(held), endpointer.voiced)
        return words(_samples(held[length:]), (endpointer.voiced - voiced) * _FRAME_S)

    def frame_passed(self, endpointer: Endpointer, held: list[AudioFrame]) -> None:
        """One more frame was heard.

        Once the silence is as long as the part of it that stays in an utterance, the frames held
        are the whole utterance if it ends here: asking now gives an answer before that is decided.
        """
        if self._since_cut is not None:
            self._since_cut += 1
        if endpointer.silence == TRAIL_FRAMES and self._complete is not None:
            whole = np.concatenate([self._before, _samples(held)])
            self._finished = self._complete(whole, self._before_s + endpointer.voiced * _FRAME_S)

    def started(self, onset: int) -> float | None:
        """An utterance began so many frames ago; the gap in ms since the cut before it."""
        gap_ms = None if self._since_cut is None else (self._since_cut - onset) * FRAME_MS
        if gap_ms is None or gap_ms > WENT_ON_MS:
            self._before, self._before_s = np.empty(0, np.float32), 0.0
        self._since_cut = None
        return gap_ms

    def ended(self, utterance: Utterance) -> Utterance:
        """Learn from the pauses and the end of an utterance, which is returned unchanged."""
        by_silence = utterance.end_reason is EndReason.SILENCE
        moment = self._moment
        if self._pauses is not None:
            for each in self._made:
                self._pauses.went_on(*each)
            if by_silence and moment is not None:
                self._pauses.ended(utterance.endpoint_ms, moment)
        before = np.concatenate([self._before, utterance.samples])[-self._longest :]
        before_s = self._before_s + (utterance.voiced_s or 0.0)
        self.interrupted()
        if by_silence:
            self._since_cut, self._before, self._before_s = 0, before, before_s
        return utterance


def _samples(frames: list[AudioFrame]) -> NDArray[np.float32]:
    return to_float32(np.concatenate([frame.samples for frame in frames]))
