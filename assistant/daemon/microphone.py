"""A microphone that may come and go, as one endless stream of frames.

The microphone runs in a process of its own (``assistant.listen``). If that fails, the failure is
reported once, and the process is restarted after growing pauses until sound flows again. This one
mechanism recovers from a device that was unplugged, is busy, is missing at boot or hangs in its
driver, and from a restarted sound server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from assistant import child
from assistant.config import ListenSettings
from assistant.listen.frame_pipe import Failure, Frames, Messages
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame

COMMAND = child.command("assistant.listen")

FIRST_S = 20.0
"""Longest wait for a microphone's first frame; a small board takes seconds to start Python."""

STUCK_S = 8.0
"""Longest wait for the next one; the process itself gives up sooner, unless it hangs."""

RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses between attempts to open the microphone; the last one is repeated."""

END_S = 1.0
"""How long the microphone's process has to close the device before it is killed."""

STEADY_FRAMES = 1_000 // FRAME_MS
"""Frames after which a failed microphone counts as working again."""

_SILENT_FRAMES = 10_000 // FRAME_MS  # the longest silence that the settings allow
_POLL_S = 0.1


class Condition(str, Enum):
    """The condition of the microphone."""

    WAITING = "waiting"  # the microphone is being opened
    LISTENING = "listening"
    ABSENT = "absent"  # it failed, and is retried
    MUTED = "muted"  # closed at the user's request


@dataclass(frozen=True, slots=True)
class Hearing:
    """The state of the microphone at one moment."""

    condition: Condition
    why: str | None  # one sentence, while the microphone is absent
    frame_age_s: float  # since the last frame, or since the condition began
    overruns: int = 0  # how often sound was lost since the microphone was opened
    since_s: float = 0.0  # since the condition began


class MicrophoneSupervisor:
    """Iterate for frames until ``stop``, by one thread; the rest may be called from any.

    Args:
        settings: which microphone.
        note: shows a person that the microphone fails, and that it works again.
        command: starts the microphone's process.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: ListenSettings,
        note: Callable[[str], None],
        *,
        command: Sequence[str] = COMMAND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = (*command, settings.model_dump_json())
        self._note = note
        self._clock = clock
        self._stopped = threading.Event()
        self._muted = threading.Event()
        self._lock = threading.Lock()
        self._hearing = Hearing(Condition.WAITING, None, 0.0)
        self._since = self._began = clock()

    @property
    def hearing(self) -> Hearing:
        """The current state of the microphone."""
        with self._lock:
            now, known = self._clock(), self._hearing
            age_s, since_s = now - self._since, now - self._began
        return replace(known, frame_age_s=age_s, since_s=since_s)

    def stop(self) -> None:
        """End the iteration; safe to call more than once."""
        self._stopped.set()

    def mute(self) -> None:
        """Close the microphone until ``unmute``."""
        self._muted.set()

    def unmute(self) -> None:
        """Open it again."""
        self._muted.clear()

    def __iter__(self) -> Iterator[AudioFrame]:
        attempt = 0
        while not self._stopped.is_set():
            if self._muted.is_set():
                self._now(Condition.MUTED)
                self._stopped.wait(_POLL_S)
                continue
            if self.hearing.condition is not Condition.ABSENT:
                self._now(Condition.WAITING)
            why = last = None
            steady = 0
            try:
                with closing(child.Child(self._command, patience_s=END_S)) as process:
                    for heard in self._messages(process):
                        if isinstance(heard, Failure):
                            why = heard.why
                            break
                        steady += 1
                        if attempt and steady == STEADY_FRAMES:
                            self._note("The microphone works again.")
                            attempt = 0
                        self._now(Condition.LISTENING, overruns=heard.overruns)
                        last = heard.frame
                        yield last
                    if last is not None:  # before the process is closed, which may take a while
                        yield from _silence(last.captured_at)
            except OSError as error:  # out of memory or processes, perhaps only briefly
                why = f"The microphone's process does not start ({error.strerror})."
            if why is None:
                continue
            if not attempt:
                self._note(f"{why} Attune keeps trying.")
            self._now(Condition.ABSENT, why)
            self._wait(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    def _messages(self, process: child.Child) -> Iterator[Frames | Failure]:
        """What the microphone's process sends, until the microphone is stopped or muted."""
        messages, patience_s, last_at = Messages(), FIRST_S, self._clock()
        while not (self._stopped.is_set() or self._muted.is_set()):
            data = process.read(_POLL_S)
            if data is None:
                if self._clock() - last_at > patience_s:
                    yield Failure(
                        f"The microphone hangs: no sound for {patience_s:g} s. Unplug it and plug "
                        "it in again, or restart the sound server."
                    )
                    return
                continue
            if not data:
                yield Failure(f"The microphone's process {process.ending()}.")
                return
            try:
                found = messages.push(data)
            except ValueError:
                yield Failure("The microphone's process sent data that is not audio.")
                return
            for message in found:
                patience_s, last_at = STUCK_S, self._clock()
                yield message

    def _now(self, condition: Condition, why: str | None = None, *, overruns: int = 0) -> None:
        with self._lock:
            is_new = condition is not self._hearing.condition
            if condition is Condition.LISTENING or is_new:
                self._since = self._clock()
            if is_new:
                self._began = self._since
            if is_new or (why, overruns) != (self._hearing.why, self._hearing.overruns):
                self._hearing = Hearing(condition, why, 0.0, overruns)

    def _wait(self, seconds: float) -> None:
        until = self._clock() + seconds
        while self._clock() < until and not (self._stopped.is_set() or self._muted.is_set()):
            self._stopped.wait(_POLL_S)


def _silence(after: float) -> Iterator[AudioFrame]:
    """Frames of silence after the last real one, so that an unfinished utterance ends."""
    for number in range(1, _SILENT_FRAMES + 1):
        yield AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), after + number * FRAME_MS / 1000)
