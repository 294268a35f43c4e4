"""The foreground loop: one thread listens, the main thread answers.

The listener drains the microphone while a turn is under way, so that sound is never lost to a
slow answer; utterances wait in a short queue. Between turns the main thread sees to everything
else. Signals end the process cleanly, the reply under way broken off and in the journal.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from assistant.errors import AttuneError
from assistant.journal.turn import Turn
from assistant.turn import Assistant
from assistant.values import AudioFrame, Utterance

WAITING = 8
"""Utterances that may wait for their turn; a recording is read no further meanwhile."""

NOTICED = 3
"""Voiced frames within ``NOTICED_WITHIN`` that are taken for the beginning of speech."""

NOTICED_WITHIN = 4  # 80 ms: the trainer is to stand still 100 ms after the first of them

GAP_S = 0.2
"""Time without frames after which those before it say nothing about those after it."""


class Beside(Protocol):
    """What is done beside the conversation, in the thread that answers."""

    def idle(self) -> None:
        """Nobody waits for an answer; called about every 0.1 s."""
        ...

    def turn_began(self) -> None:
        """An utterance is about to be answered."""
        ...

    def turn_ended(self) -> None:
        """It has been answered, or has failed."""
        ...


class NothingBeside:
    """The conversation is all there is."""

    def idle(self) -> None:
        """Wait."""

    def turn_began(self) -> None:
        """Answer."""

    def turn_ended(self) -> None:
        """Listen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the loop ended."""

    turns: int
    failures: int


class Stopper:
    """Ends the loop from a signal handler or another thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._actions: list[Callable[[], None]] = []

    @property
    def stopped(self) -> bool:
        """Whether the end has been asked for."""
        return self._stopped.is_set()

    def also(self, action: Callable[[], None]) -> None:
        """Do this, too, when the end is asked for; at once if it has been."""
        self._actions.append(action)
        if self.stopped:
            action()

    def stop(self) -> None:
        """Ask for the end; more than once does no harm."""
        self._stopped.set()
        for action in self._actions:
            action()

    @contextmanager
    def on_signals(self) -> Generator[None, None, None]:
        """Within the block SIGINT and SIGTERM ask for the end."""

        def handle(_signal: int, _frame: FrameType | None) -> None:
            # not here: the handler may have interrupted what holds the same locks
            threading.Thread(target=self.stop, name="stop", daemon=True).start()

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(
    assistant: Assistant,
    utterances: Iterable[Utterance],
    *,
    stopper: Stopper,
    on_turn: Callable[[Turn], None],
    on_failure: Callable[[AttuneError], None],
    before_turn: Callable[[Utterance], None] = lambda _: None,
    beside: Beside | None = None,
    once: bool = False,
) -> Outcome:
    """Answer utterances until their source ends, or the end is asked for.

    A turn that fails is reported and the next one is taken.

    Args:
        assistant: who answers.
        utterances: consumed in a thread of its own.
        stopper: asks for the end.
        on_turn: told every exchange.
        on_failure: told every turn that failed.
        before_turn: told what is about to be answered.
        beside: what is done between turns.
        once: end after the first exchange.

    Raises:
        AttuneError: if the source of utterances fails; those heard before are answered first.
    """
    turns = failures = 0
    beside = beside or NothingBeside()
    stopper.also(assistant.cancel)
    for utterance in _listened(utterances, stopper, beside.idle):
        before_turn(utterance)
        beside.turn_began()
        try:
            on_turn(assistant.hear(utterance))
            turns += 1
        except AttuneError as error:
            failures += 1
            on_failure(error)
        finally:
            beside.turn_ended()
        if once or stopper.stopped:
            break
    return Outcome(turns, failures)


def noticing(
    is_speech: Callable[[AudioFrame], bool], on_speech: Callable[[float], None]
) -> Callable[[AudioFrame], bool]:
    """A voice activity detector that tells of speech long before the utterance has ended.

    Args:
        is_speech: the detector, asked once per frame.
        on_speech: told with every frame in which speech goes on when the first voiced one of the
            last few was captured, in monotonic seconds.
    """
    recent: deque[float | None] = deque(maxlen=NOTICED_WITHIN)
    last_at = 0.0

    def notice(frame: AudioFrame) -> bool:
        nonlocal last_at
        if frame.captured_at - last_at > GAP_S:
            recent.clear()
        last_at = frame.captured_at
        voiced = is_speech(frame)
        recent.append(frame.captured_at if voiced else None)
        moments = [at for at in recent if at is not None]
        if len(moments) >= NOTICED:
            on_speech(moments[0])
        return voiced

    return notice


def _listened(
    utterances: Iterable[Utterance], stopper: Stopper, idle: Callable[[], None]
) -> Iterator[Utterance]:
    """The utterances, taken from their source by a thread of its own."""
    waiting: queue.Queue[Utterance | BaseException | None] = queue.Queue(WAITING)
    done = threading.Event()

    def put(item: Utterance | BaseException | None) -> None:
        while not (done.is_set() or stopper.stopped):
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def listen() -> None:
        try:
            for utterance in utterances:
                put(utterance)
                if done.is_set() or stopper.stopped:
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised anew in the main thread
            put(error)

    threading.Thread(target=listen, name="listen", daemon=True).start()
    try:
        while not stopper.stopped:
            try:
                item = waiting.get(timeout=0.1)  # short: a signal must be heeded
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
