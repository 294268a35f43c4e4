"""When to train: waits for the device to be idle, gives way to speech, tries again later.

The main thread calls ``tick`` several times a second and reports when turns begin and end; the
listener's thread calls ``speech``, which stops the trainer before it returns; ``ask`` and
``status`` may be called from any thread.
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
from assistant.personalise.training.request import Request

LOOK_S = 5.0
"""Time between two looks at the world."""

TELL_S = 10.0
"""Time between two lines of the log that say how far a training is."""

FINISH_S = 1.0
"""Longest that a turn waits for a trainer that was stopped in the midst of writing."""

MARGIN_S = 0.5
"""Time within which a turn begins after the silence that ends an utterance."""

EXAMPLES = "examples_at_last_training"
FAILURES = "training_failures"
DUE_NOW = "retrain_due_now"
"""As ``RETRAIN_DUE``, for the training that has begun: another one may become due meanwhile."""


log = logging.getLogger("attune.training")


class Memory(Protocol):
    """What outlives the process; the journal is one."""

    def remember(self, name: str, value: str) -> None:
        """Keep a value under a name, in place of what was there."""
        ...

    def remembered(self, name: str) -> str | None:
        """The value kept under a name."""
        ...

    def forget(self, name: str) -> None:
        """Drop what is kept under a name, if anything."""
        ...


class State(str, Enum):
    """What the scheduler is at."""

    OFF = "off"
    WAITING = "waiting"
    TRAINING = "training"
    JUDGING = "judging"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """What there is to say about learning."""

    state: State
    waits: tuple[str, ...] = ()  # in words; at the last look
    new_examples: int = 0  # since the last training; at the last look
    due: str | None = None  # why there must be a training whatever is new
    progress: float | None = None  # of the stage under way, 0 to 1
    seconds_left: float | None = None  # of the training steps
    last_event: Event | None = None
    last_verdict: Judged | Nothing | None = None  # since the daemon began
    failures: int = 0  # in a row
    last_failure: str | None = None
    paused_after_ms: float | None = None  # from the last speech's capture to the trainer's stop


@dataclass(slots=True)
class _Training:
    """The training under way."""

    supervisor: Supervisor
    examples: int  # as it began
    event: Event | None = None  # the last one
    logged_at: float = -math.inf  # when the log last said how far it is
    concluded: bool = False  # has reported a verdict
    error: str = ""  # or why there is none
    settled: bool = False  # the trainer stands still and is not in the midst of writing


class Scheduler:
    """Starts, pauses and follows trainers.

    The methods that the main thread calls raise ``JournalError`` when nothing can be
    remembered; the scheduler stays usable.
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
        """Begin as if somebody had just spoken.

        Args:
            settings: the whole configuration, which every trainer is given.
            memory: what outlives the process.
            count_examples: how many examples there are to learn from.
            on_event: called by the main thread with what trainers report and how they end.
            start: starts a trainer.
            look: the state of the machine.
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
        self._sound_at = clock()  # the last speech or end of a turn
        self._look_at = -math.inf
        self._failures = Failures.from_text(memory.remembered(FAILURES))
        self._snapshot: Snapshot | None = None
        self._waits: tuple[str, ...] = ()
        self._verdict: Judged | Nothing | None = None
        self._paused_after_ms: float | None = None

    def tick(self) -> None:
        """Do what is to be done now; cheap, to be called about every 0.1 s between turns."""
        if self._training is not None:
            self._follow(self._training)
        elif self._wanted and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK_S
            self._consider()

    def speech(self, captured_at: float) -> None:
        """Stop the trainer, from the listener's thread; to be called for every voiced frame.

        Args:
            captured_at: when the speech was captured, monotonic seconds.
        """
        self._sound_at = self._clock()
        training = self._training
        if training is not None and training.supervisor.pause():
            self._paused_after_ms = (self._clock() - captured_at) * 1_000

    def turn_began(self) -> None:
        """Keep the trainer still until the turn ends."""
        self._in_turn = True
        if self._training is not None:
            give_up_at = time.monotonic() + FINISH_S
            while not self._hold(self._training) and time.monotonic() < give_up_at:
                time.sleep(0.002)
            self._training.supervisor.pause()

    def turn_ended(self) -> None:
        """Let the trainer go on soon."""
        self._in_turn = False
        self._sound_at = self._clock()

    def ask(self, request: Request) -> None:
        """Train as soon as there is room, because a person wants it; replaces an earlier wish.

        Raises:
            TrainingError: if a training is under way.
        """
        if self._training is not None:
            raise TrainingError(
                "A training is under way already: 'assistant status' shows how far it is. "
                "Ask again when it has ended."
            )
        self._asked = request
        self._look_at = -math.inf

    def stop(self, timeout_s: float = STOP_S) -> None:
        """End the training under way, which goes on after the next start; no failure.

        Args:
            timeout_s: longest wait in seconds for the trainer to keep its state.
        """
        if (training := self._training) is not None:
            ended = training.supervisor.stop(timeout_s)
            self._training = None
            for event in training.supervisor.events():
                self._take(training, event)
            self._finish(training, ended)

    def status(self) -> SchedulerStatus:
        """What there is to say now."""
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
        # not within the silence by which the listener is about to end an utterance
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
            in_turn=self._in_turn,
            new_examples=examples - self._examples_before(examples),
            due=self._memory.remembered(RETRAIN_DUE) or self._memory.remembered(DUE_NOW),
            asked=self._asked is not None,
            retry_s=self._failures.left_s(self._now().timestamp(), idle.tuned.retry_s),
        )
        self._waits = waits(snapshot, idle, self._settings.personalise.memory_mb)
        if self._waits:
            return
        # what an erased utterance has taught must not live on in where the next one starts
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
        """How many there were at the last training; no more than are left after an erasure."""
        text = self._memory.remembered(EXAMPLES)
        before = int(text) if text is not None and text.isdecimal() else 0
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
        if self._sound_at != sound_at:  # somebody spoke just before the trainer was let go
            self._hold(training)

    def _hold(self, training: _Training) -> bool:
        """Keep the trainer still; whether it is, and the journal free for others to write."""
        supervisor = training.supervisor
        supervisor.pause()
        if not training.settled and supervisor.at_rest():
            if supervisor.writing():
                supervisor.resume()  # until the next call: a turn must be able to write, too
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
        if not isinstance(event, Encoded | Stepped | Judging):
            log.info("%s", _pairs(event))
        elif self._clock() >= training.logged_at + TELL_S:
            training.logged_at = self._clock()
            log.info("%s", _pairs(event))
        self._on_event(event)  # before what may fail: it is not reported again
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
    """Share of the stage that is done, 0 to 1."""
    if isinstance(event, Encoded | Judging):
        return event.done / max(1, event.of)
    if isinstance(event, Stepped):
        return event.step / max(1, event.of)
    return None


def _pairs(event: Event | Ended) -> str:
    """One line of the log: names and their values."""
    pairs = (f"{name}={json.dumps(value)}" for name, value in asdict(event).items())
    return " ".join((f"event={type(event).__name__.lower()}", *pairs))
