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
from assistant.listen.endpoint import (
    TRAIL_FRAMES,
    Dropped,
    Ended,
    Endpointer,
    Paused,
    Resumed,
    Started,
)
from assistant.listen.pauses import Moment, Pauses
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame, EndReason, Utterance

WENT_ON_MS = 800
"""Speech that follows an end within this gap continues the utterance."""

Complete = Callable[[NDArray[np.float32], float], float | None]
"""How likely the utterance so far is a finished request, 0 to 1, or ``None`` if that is unknown:
from its sound, mono 16 kHz in [-1, 1], shape (n_samples,), and the seconds of voice in it."""

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
    pauses: Pauses | None = None,
    complete: Complete | None = None,
    on_start: Callable[[float | None], None] | None = None,
    source: str = "microphone",
    now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> Iterator[Utterance]:
    """The utterances in a stream of frames, each as soon as it has ended.

    Args:
        frames: 20 ms each, in order.
        is_speech: the voice activity detector.
        settings: the times to wait.
        deaf: frames for which this is true are dropped, and with them an utterance under way.
        open: frames for which this is false are not heard; they end an utterance under way.
        pauses: says how long to wait for the end, and learns from it; none: as set.
        complete: asked in each silence, before it is a pause.
        on_start: called when an utterance has begun, with the silence in ms since the previous one
            was ended by silence, or ``None``.
        source: for ``Utterance.source``.
        now: the wall clock, timezone-aware.
    """
    endpointer = Endpointer(settings)
    patience = _Patience(settings, pauses, complete)
    held: list[AudioFrame] = []
    started_at = now()
    for frame in frames:
        is_deaf = deaf is not None and deaf(frame)
        if is_deaf or not (open is None or open(frame)):
            event = None if is_deaf else endpointer.finish()
            if isinstance(event, Ended):
                yield patience.ended(_utterance(held, event, started_at, source))
            endpointer.reset()
            patience.interrupted()
            held.clear()
            continue
        held.append(frame)
        event = endpointer.step(is_speech(frame))
        patience.frame_passed(endpointer, held)
        if isinstance(event, Started):
            del held[: -event.length]
            # only a difference: the wall clock may be adjusted while the daemon runs
            age_s = frame.captured_at + _FRAME_S - held[0].captured_at
            started_at = now() - timedelta(seconds=age_s)
            gap_ms = patience.started(event.onset)
            if on_start is not None:
                on_start(gap_ms)
        elif isinstance(event, Paused):
            limit_ms = patience.paused(event.voiced)
            if limit_ms is not None:
                endpointer.wait(limit_ms)
        elif isinstance(event, Resumed):
            patience.resumed(event.silence)
        elif isinstance(event, Ended):
            yield patience.ended(_utterance(held, event, started_at, source))
            del held[: event.length]
        elif isinstance(event, Dropped):
            patience.dropped()
        if not endpointer.active:
            del held[: -endpointer.reach]
    last = endpointer.finish()
    if isinstance(last, Ended):
        yield patience.ended(_utterance(held, last, started_at, source))


class _Patience:
    """Follows the utterance under way, and learns its pauses when it has ended."""

    def __init__(
        self, settings: ListenSettings, pauses: Pauses | None, complete: Complete | None
    ) -> None:
        self._pauses = pauses if pauses is not None and pauses.learning else None
        self._complete = complete
        self._longest = round(settings.tuned.max_s * SAMPLE_RATE)
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

    def paused(self, voiced: int) -> int | None:
        """The silence in ms to wait for after so many voiced frames, if it is learned."""
        if self._pauses is None:
            return None
        self._moment = Moment(self._before_s * 1000 + voiced * FRAME_MS, self._finished)
        return self._pauses.limit_ms(self._moment)

    def resumed(self, silence: int) -> None:
        """Speech continues after so many frames."""
        if self._moment is not None:
            self._made.append((silence * FRAME_MS, self._moment))

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


def _utterance(held: list[AudioFrame], end: Ended, started_at: datetime, source: str) -> Utterance:
    return Utterance(
        samples=_samples(held[: end.length]),
        started_at=started_at,
        end_reason=end.reason,
        endpoint_ms=float(end.silence * FRAME_MS),
        source=source,
        voiced_s=end.voiced * _FRAME_S,
    )


def _samples(frames: list[AudioFrame]) -> NDArray[np.float32]:
    return to_float32(np.concatenate([frame.samples for frame in frames]))
