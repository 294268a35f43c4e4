"""The foreground loop: one thread listens, the main thread answers.

The listener drains the microphone during a turn, so that a slow answer never loses sound;
utterances wait in a short queue. Between turns the main thread does everything else. Signals end
the process cleanly: the current reply is cancelled and saved in the journal.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Protocol

import numpy as np

from assistant.daemon.turn_taking import TurnTaking
from assistant.errors import AttuneError, JournalError
from assistant.journal.turn import Turn
from assistant.turn import Assistant
from assistant.values import Utterance

Errand = Callable[[], None]
"""Something for the answering thread to do between turns."""

WENT_ON = "The speaker went on; the whole of it is the next exchange."
"""What the journal says of an utterance that was cut too early."""

WAITING = 8
"""Utterances that may wait for their turn; meanwhile a recording is not read further."""

CONTINUED_S = 5.0
"""Longest gap between a cut utterance and the complete utterance that continues it."""

IDLE_S = 0.2
"""Time between two looks at what there is to do besides, also at whether the end is requested."""

LAST_S = 1.0
"""Longest wait at the end for an unfinished utterance."""


class Reporter(Protocol):
    """Reports what happens, in the answering thread."""

    def begins(self, utterance: Utterance) -> None:
        """This is about to be answered."""

    def turn(self, turn: Turn) -> None:
        """An exchange is complete."""

    def failure(self, error: AttuneError) -> None:
        """A turn failed."""


class Beside(Protocol):
    """Work besides the conversation, in the answering thread; by default none."""

    def idle(self) -> None:
        """Nobody is waiting for an answer; called every ``IDLE_S``."""

    def turn_began(self) -> None:
        """An utterance is about to be answered."""

    def turn_ended(self) -> None:
        """It has been answered, or has failed."""


class NothingBeside(Beside):
    """There is only the conversation."""


@dataclass(frozen=True, slots=True)
class LoopOutcome:
    """How a run of the loop ended."""

    turns: int
    failures: int


class Inbox:
    """What waits for the answering thread: a bounded number of utterances, and errands."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(WAITING)
        self._items: queue.SimpleQueue[Utterance | Errand | BaseException | None] = (
            queue.SimpleQueue()
        )

    def put(self, utterance: Utterance, may_wait: Callable[[], bool]) -> None:
        """Add an utterance, waiting for room while ``may_wait`` allows it."""
        while not self._room.acquire(timeout=0.1):
            if not may_wait():
                break  # it will not be answered, but it has to be kept
        self._items.put(utterance)

    def end(self, error: BaseException | None) -> None:
        """End the utterances, because of an error if there is one."""
        self._items.put(error)

    def errand(self, errand: Errand) -> None:
        """Have something done between turns, from any thread."""
        self._items.put(errand)

    def get(self, timeout_s: float) -> Utterance | Errand | BaseException | None:
        """The next item; raises ``queue.Empty`` if none comes in that time."""
        item = self._items.get(timeout=timeout_s)
        if isinstance(item, Utterance):
            self._room.release()
        return item

    def rest(self) -> Iterator[Utterance]:
        """The utterances that will not be answered; errands are dropped."""
        while True:
            try:
                item = self.get(0)
            except queue.Empty:
                return
            if isinstance(item, Utterance):
                yield item


class Stopper:
    """Ends the loop from a signal handler or another thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._actions: list[Callable[[], None]] = []

    @property
    def stopped(self) -> bool:
        """Whether the end has been requested."""
        return self._stopped.is_set()

    def also(self, action: Callable[[], None]) -> None:
        """Also do this when the end is requested; at once if it already has been."""
        self._actions.append(action)
        if self.stopped:
            action()

    def stop(self) -> None:
        """Request the end; safe to call more than once."""
        self._stopped.set()
        for action in self._actions:
            action()

    @contextmanager
    def on_signals(self, hang_up: Callable[[], None] | None = None) -> Generator[None, None, None]:
        """Within the block SIGINT and SIGTERM request the end, and SIGHUP calls ``hang_up``."""
        ends = (signal.SIGINT, signal.SIGTERM)
        actions: dict[int, Callable[[], None]] = dict.fromkeys(ends, self.stop)
        if hang_up is not None:
            actions[signal.SIGHUP] = hang_up
        came: queue.SimpleQueue[int | None] = queue.SimpleQueue()

        def handle(number: int, _frame: FrameType | None) -> None:
            # nothing else here: the handler may have interrupted code that holds a lock it needs
            came.put(number)

        def act() -> None:
            while (number := came.get()) is not None:
                actions[number]()

        threading.Thread(target=act, name="signal", daemon=True).start()
        before = {number: signal.signal(number, handle) for number in actions}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            came.put(None)


def run(
    assistant: Assistant,
    utterances: Iterable[Utterance],
    *,
    stopper: Stopper,
    reporter: Reporter,
    beside: Beside | None = None,
    inbox: Inbox | None = None,
    turn_taking: TurnTaking | None = None,
    once: bool = False,
) -> LoopOutcome:
    """Answer utterances until their source ends, or the end is requested.

    A turn that fails is reported, and the next one follows.

    Args:
        assistant: answers.
        utterances: consumed in a thread of its own.
        stopper: requests the end.
        reporter: reports what happens.
        beside: the work between turns.
        inbox: also receives errands for the answering thread.
        turn_taking: knows when a speaker continued before the answer.
        once: end after the first exchange.

    Raises:
        AttuneError: if the source of utterances fails; those heard before are answered first.
    """
    turns = failures = 0
    beside = beside or NothingBeside()
    stopper.also(assistant.cancel)
    unfinished: Utterance | None = None
    for item in _listened(utterances, inbox or Inbox(), stopper, beside.idle):
        beside.turn_began()
        try:
            if not isinstance(item, Utterance):
                item()
                continue
            utterance, unfinished = joined(unfinished, item), None
            reporter.begins(utterance)
            turn, went_on = _heard(assistant, utterance, turn_taking)
            if went_on:
                unfinished = utterance
                continue
            reporter.turn(turn)
            turns += 1
        except AttuneError as error:
            failures += 1
            reporter.failure(error)
        finally:
            beside.turn_ended()
        if once or stopper.stopped:
            break
    return LoopOutcome(turns, failures)


def _heard(
    assistant: Assistant, utterance: Utterance, turn_taking: TurnTaking | None
) -> tuple[Turn, bool]:
    """The turn, and whether its speaker went on, so that it does not count."""
    went_on = False
    if turn_taking is not None:
        turn_taking.cut(utterance)
    try:
        turn = assistant.hear(utterance)
    finally:
        if turn_taking is not None:
            went_on = turn_taking.over()
    if went_on:
        with suppress(JournalError):  # then it stays done, and can be taken back by voice
            assistant.reopen()
        with suppress(JournalError):  # nothing is kept of what was not meant for Attune
            assistant.journal.failed(turn.id, WENT_ON)
    return turn, went_on


def joined(first: Utterance | None, second: Utterance) -> Utterance:
    """Two pieces of one utterance, joined; only the second if it came too late for that."""
    if first is None:
        return second
    said_s = first.seconds + first.endpoint_ms / 1000
    if (second.started_at - first.started_at).total_seconds() - said_s > CONTINUED_S:
        return second
    voiced = first.voiced_s, second.voiced_s
    contrasts = [each.contrast_db for each in (first, second) if each.contrast_db is not None]
    return replace(
        second,
        samples=np.concatenate([first.samples, second.samples]),
        started_at=first.started_at,
        voiced_s=None if None in voiced else sum(filter(None, voiced)),
        contrast_db=max(contrasts, default=None),
    )


def _listened(
    utterances: Iterable[Utterance], inbox: Inbox, stopper: Stopper, idle: Callable[[], None]
) -> Iterator[Utterance | Errand]:
    """The utterances, taken from their source in a separate thread, and the errands."""
    done = threading.Event()

    def may_wait() -> bool:
        return not (done.is_set() or stopper.stopped)

    def listen() -> None:
        try:
            for utterance in utterances:
                inbox.put(utterance, may_wait)
                if not may_wait():
                    return
            if may_wait():
                inbox.end(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            if may_wait():
                inbox.end(error)

    listener = threading.Thread(target=listen, name="listen", daemon=True)
    listener.start()
    try:
        while not stopper.stopped:
            try:
                item = inbox.get(IDLE_S)
            except queue.Empty:
                idle()
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        done.set()
        if stopper.stopped:
            listener.join(LAST_S)  # what it is hearing now is the last utterance
