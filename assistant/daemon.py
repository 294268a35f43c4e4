"""The foreground loop: one thread listens, the main thread answers.

The listener drains the microphone while a turn is under way, so that sound is never lost to a
slow answer; utterances wait in a short queue. Signals end the process cleanly, the reply under
way broken off and in the journal.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from assistant.errors import AttuneError
from assistant.journal.turn import Turn
from assistant.turn import Assistant
from assistant.values import Utterance

WAITING = 8
"""Utterances that may wait for their turn; a recording is read no further meanwhile."""


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
        once: end after the first exchange.

    Raises:
        AttuneError: if the source of utterances fails; those heard before are answered first.
    """
    turns = failures = 0
    stopper.also(assistant.cancel)
    for utterance in _listened(utterances, stopper):
        before_turn(utterance)
        try:
            on_turn(assistant.hear(utterance))
            turns += 1
        except AttuneError as error:
            failures += 1
            on_failure(error)
        if once or stopper.stopped:
            break
    return Outcome(turns, failures)


def _listened(utterances: Iterable[Utterance], stopper: Stopper) -> Iterator[Utterance]:
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
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        done.set()
