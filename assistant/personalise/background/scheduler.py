"""When to train: waits until the device is idle, pauses for speech, retries after failures.

The main thread calls ``tick`` several times a second and reports when turns begin and end; the
listener's thread calls ``speech``, which pauses the trainer before it returns; ``ask`` and
``status`` are thread-safe.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.personalise.background.backoff import Failures
from assistant.personalise.background.idle import Device, Snapshot, look, waits
from assistant.personalise.background.supervisor import STOP_S, Ended, How, Supervisor
from assistant.personalise.bridges.erasure import RETRAIN_DUE
from assistant.personalise.training.events import (
    Encoded,
    Event,
    Failed,
    Judged,
    Judging,
    Nothing,
    Stepped,
)
from assistant.personalise.training.request import EXAMPLES, Request, count_of

LOOK_S = 5.0
"""Time between two checks of the device."""

LOG_S = 10.0
"""Time between two log lines about a training's progress."""

FINISH_S = 1.0
"""Longest that a turn waits for a trainer that was paused while writing."""

MARGIN_S = 0.5
"""Longest time from the silence that ends an utterance to the start of its turn."""

FAILURES = "training_failures"
DUE_NOW = "retrain_due_now"
"""``RETRAIN_DUE`` of the training in progress, during which another may become due."""

log = logging.getLogger("attune.training")


class Memory(Protocol):
    """Storage that outlives the process, such as the journal."""

    def remember(self, name: str, value: str) -> None:
        """Store a value under a name, replacing an earlier one."""
        ...

    def remembered(self, name: str) -> str | None:
        """The value stored under a name."""
        ...

    def forget(self, name: str) -> None:
        """Delete the value stored under a name, if any."""
        ...


class State(str, Enum):
    """What the scheduler is doing."""

    OFF = "off"
    WAITING = "waiting"
    TRAINING = "training"
    JUDGING = "judging"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """The status of learning."""

    state: State
    waits: tuple[str, ...] = ()  # in words, at the last check
    new_examples: int = 0  # since the last training, at the last check
    due: str | None = None  # why a training is due regardless of new examples
    progress: float | None = None  # of the current stage, 0 to 1
    seconds_left: float | None = None  # of the training steps
    last_event: Event | None = None
    last_verdict: Judged | Nothing | None = None  # since the daemon started
    failures: int = 0  # in a row
    last_failure: str | None = None
    paused_after_ms: float | None = None  # from capturing speech to pausing the trainer


@dataclass(slots=True)
class _Training:
    """The training in progress."""

    supervisor: Supervisor
    examples: int  # when it began
    event: Event | None = None  # the last one
    logged_at: float = -math.inf  # when its progress was last logged
    concluded: bool = False  # has reported a verdict
    error: str = ""  # why there is none
    settled: bool = False  # paused, and not while writing


class Scheduler:
    """Starts, pauses and monitors trainers.

    Methods for the main thread raise ``JournalError`` if the memory fails, and can be called again.
    """

    def __init__(
        self,
        settings: Settings,
        memory: Memory,
        count_examples: Callable[[], int],
        *,
        on_event: Callable[[Event | Ended], None] = lambda _: None,
        start: Callable[[Settings, Request], Supervisor] = Supervisor,
        look: Callable[[Path], Device] = look,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        """Start as if somebody had just spoken.

        Args:
            settings: the whole configuration, passed to every trainer.
            memory: storage that outlives the process.
            count_examples: returns the number of examples to learn from.
            on_event: called in the main thread with trainers' events and endings.
            start: starts a trainer.
            look: reads the state of the device.
            clock: monotonic seconds.
            now: local time.
        """
        self._settings = settings
        self._memory = memory
        self._count_examples = count_examples
        self._on_event = on_event
        self._start = start
        self._look = look
        self._clock = clock
        self._now = now
        self._training: _Training | None = None
        self._asked: Request | None = None
        self._in_turn = False
        self._sound_at = clock()  # the last speech or end of a turn, or this start
        self._spoken = False  # since then
        self._look_at = -math.inf
        self._failures = Failures.from_text(memory.remembered(FAILURES))
        self._snapshot: Snapshot | None = None
        self._waits: tuple[str, ...] = ()
        self._verdict: Judged | Nothing | None = None
        self._paused_after_ms: float | None = None

    def tick(self) -> None:
        """Do whatever is due; cheap, to be called several times a second between turns."""
        if self._training is not None:
            self._follow(self._training)
        elif self._wanted and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_S
            self._consider()

    def speech(self, captured_at: float) -> None:
        """Pause the trainer; the listener's thread calls this for every voiced frame.

        ``captured_at`` is when the speech was captured, in monotonic seconds.
        """
        self._sound_at, self._spoken = self._clock(), True
        training = self._training
        if training is not None and training.supervisor.pause():
            self._paused_after_ms = (self._clock() - captured_at) * 1_000

    def turn_began(self) -> None:
        """Keep the trainer paused until the turn ends."""
        self._in_turn = True
        if self._training is not None:
            give_up_at = time.monotonic() + FINISH_S
            while not self._hold(self._training) and time.monotonic() < give_up_at:
                time.sleep(0.002)
            self._training.supervisor.pause()

    def turn_ended(self) -> None:
        """Let the trainer resume soon."""
        self._in_turn = False
        self._sound_at, self._spoken = self._clock(), True

    def ask(self, request: Request) -> None:
        """Train at a person's request, as soon as resources permit; replaces an earlier request.

        Raises:
            TrainingError: if a training is in progress.
        """
        if self._training is not None:
            raise TrainingError(
                "A training is already running; 'assistant status' shows its progress. "
                "Ask again when it has ended."
            )
        self._asked = request
        self._look_at = -math.inf

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stop the training, which resumes after the next start and does not count as a failure.

        The trainer has ``timeout_s`` seconds to save its state.
        """
        if (training := self._training) is not None:
            ended = training.supervisor.stop(timeout_s)
            self._training = None
            for event in training.supervisor.events():
                self._take(training, event)
            self._finish(training, ended)

    def status(self) -> SchedulerStatus:
        """The current status."""
        training, snapshot = self._training, self._snapshot
        event = None if training is None else training.event
        return SchedulerStatus(
            state=self._state(training),
            waits=() if training is not None or not self._wanted else self._waits,
            new_examples=0 if snapshot is None else snapshot.new_examples,
            due=None if snapshot is None else snapshot.due,
            progress=_progress(event),
            seconds_left=event.seconds_left if isinstance(event, Stepped) else None,
            last_event=event,
            last_verdict=self._verdict,
            failures=self._failures.count,
            last_failure=self._failures.why or None,
            paused_after_ms=self._paused_after_ms,
        )

    @property
    def _wanted(self) -> bool:
        return self._asked is not None or self._settings.personalise.enabled

    @property
    def _resume_s(self) -> float:
        # not during the silence that may end an utterance
        silence_s = self._settings.listen.end_silence_ms / 1_000
        return max(self._settings.idle.tuned.resume_s, silence_s + MARGIN_S)

    def _state(self, training: _Training | None) -> State:
        if training is None:
            return State.WAITING if self._wanted else State.OFF
        if training.supervisor.paused:
            return State.PAUSED
        return State.JUDGING if isinstance(training.event, Judging) else State.TRAINING

    def _consider(self) -> None:
        idle = self._settings.idle
        sound_at = self._sound_at
        examples = self._count_examples()
        self._snapshot = snapshot = Snapshot(
            device=self._look(self._settings.bridges),
            clock=self._now().time(),
            quiet_s=max(0.0, self._clock() - sound_at),
            spoken=self._spoken,
            in_turn=self._in_turn,
            new_examples=examples - self._examples_before(examples),
            due=self._memory.remembered(RETRAIN_DUE) or self._memory.remembered(DUE_NOW),
            asked=self._asked is not None,
            retry_s=self._failures.left_s(self._now().timestamp(), idle.tuned.retry_s),
        )
        self._waits = waits(snapshot, idle, self._settings.personalise.memory_mb)
        if self._waits:
            return
        # what was learned from an erased utterance must not survive in the starting point
        request = self._asked or Request("current" if snapshot.due is None else "base")
        self._asked = None
        try:
            supervisor = self._start(self._settings, request)
        except TrainingError as error:
            self._fail(Ended(How.DIED, str(error)))
            return
        self._training = _Training(supervisor, examples)
        if snapshot.due is not None:
            self._memory.remember(DUE_NOW, snapshot.due)
            self._memory.forget(RETRAIN_DUE)
        log.info(
            "event=started pid=%d start=%s examples=%d", supervisor.pid, request.start, examples
        )
        if self._sound_at != sound_at:
            self._hold(self._training)

    def _examples_before(self, examples: int) -> int:
        """How many there were at the last training, at most those left after an erasure."""
        before = count_of(self._memory.remembered(EXAMPLES))
        if examples < before:
            self._memory.remember(EXAMPLES, str(examples))
        return min(before, examples)

    def _follow(self, training: _Training) -> None:
        ended = training.supervisor.poll()
        for event in training.supervisor.events():
            self._take(training, event)
        if ended is not None:
            self._training = None
            self._finish(training, ended)
            return
        sound_at = self._sound_at
        if self._in_turn or self._clock() - sound_at < self._resume_s:
            self._hold(training)
            return
        if training.supervisor.resume():
            training.settled = False
            log.info("event=resumed")
        if self._sound_at != sound_at:  # somebody spoke just before the trainer was resumed
            self._hold(training)

    def _hold(self, training: _Training) -> bool:
        """Keep the trainer paused; returns whether it is, without locking the journal."""
        supervisor = training.supervisor
        supervisor.pause()
        if not training.settled and supervisor.at_rest():
            if supervisor.writing():
                supervisor.resume()  # until the next call: a turn must be able to write
            else:
                training.settled = True
                log.info("event=paused after_ms=%s", self._paused_after_ms)
        return training.settled

    def _take(self, training: _Training, event: Event) -> None:
        training.event = event
        if isinstance(event, Judged | Nothing):
            training.concluded = True
            self._verdict = event
            self._failures = Failures()
        elif isinstance(event, Failed):
            training.error = event.error
        is_progress = isinstance(event, Encoded | Stepped | Judging)
        if not is_progress or self._clock() >= training.logged_at + LOG_S:
            log.info("%s", _pairs(event))
            training.logged_at = self._clock() if is_progress else training.logged_at
        self._on_event(event)  # first, as it is not repeated if the memory fails
        if isinstance(event, Judged | Nothing):
            self._memory.forget(FAILURES)
            self._memory.remember(EXAMPLES, str(training.examples))
            self._memory.forget(DUE_NOW)

    def _finish(self, training: _Training, ended: Ended) -> None:
        if training.concluded or ended.how is How.STOPPED:
            log.info("%s", _pairs(ended))
            self._on_event(ended)
        elif ended.how is How.DONE:
            self._fail(replace(ended, how=How.DIED, why="it ended without a verdict"))
        else:
            self._fail(replace(ended, why=training.error or ended.why))

    def _fail(self, ended: Ended) -> None:
        self._failures = self._failures.another(self._now().timestamp(), ended.why)
        wait_s = self._failures.delay_s(self._settings.idle.tuned.retry_s)
        log.warning("%s failures=%d retry_s=%.0f", _pairs(ended), self._failures.count, wait_s)
        self._on_event(ended)
        self._memory.remember(FAILURES, self._failures.to_text())


def _progress(event: Event | None) -> float | None:
    """Completed share of the stage, 0 to 1."""
    if isinstance(event, Encoded | Judging):
        return event.done / max(1, event.of)
    if isinstance(event, Stepped):
        return event.step / max(1, event.of)
    return None


def _pairs(event: Event | Ended) -> str:
    """A log line of names and values."""
    pairs = (f"{name}={json.dumps(value)}" for name, value in asdict(event).items())
    return " ".join((f"event={type(event).__name__.lower()}", *pairs))
