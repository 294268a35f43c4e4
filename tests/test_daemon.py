from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assistant import daemon
from assistant.daemon import Outcome, Stopper
from assistant.errors import AttuneError, DeviceError, EncoderError
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.turn import Assistant
from assistant.values import Utterance
from tests.journal.exchanges import utterance

WAIT_S = 60
"""Longest wait of a test that would otherwise never end."""


class Answering(Assistant):
    """Keeps utterances in a real journal and answers none."""

    def __init__(self, journal: Journal, during: Callable[[int], None] = lambda _: None) -> None:
        self.journal = journal
        self.during = during  # told the number of each turn
        self.cancelled = threading.Event()

    def hear(self, utterance: Utterance) -> Turn:
        number = self.journal.hear(utterance)
        self.during(number)
        return self.journal.turn(number)

    def cancel(self) -> None:
        self.cancelled.set()


@dataclass
class Told:
    """Whom the loop tells."""

    turns: list[Turn] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)

    def run(
        self,
        assistant: Assistant,
        utterances: Iterator[Utterance],
        stopper: Stopper | None = None,
        *,
        once: bool = False,
    ) -> Outcome:
        return daemon.run(
            assistant,
            utterances,
            stopper=stopper or Stopper(),
            on_turn=self.turns.append,
            on_failure=lambda error: self.failures.append(str(error)),
            before_turn=lambda utterance: self.begun.append(utterance.seconds),
            once=once,
        )

    @property
    def lengths(self) -> list[float | None]:
        return [turn.seconds for turn in self.turns]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as journal:
        yield journal


def spoken(*seconds: float, error: AttuneError | None = None) -> Iterator[Utterance]:
    """Utterances that can be told apart by their length, and then perhaps a failure."""
    for each in seconds:
        yield utterance(each)
    if error is not None:
        raise error


def microphone(closed: threading.Event) -> Iterator[Utterance]:
    """One utterance, then silence until it is closed."""
    yield utterance(0.1)
    assert closed.wait(WAIT_S)


def test_utterances_are_answered_in_order(journal: Journal) -> None:
    told = Told()
    lengths = [0.1 + 0.02 * number for number in range(3 * daemon.WAITING)]
    assert told.run(Answering(journal), spoken(*lengths)) == Outcome(len(lengths), 0)
    assert told.lengths == told.begun == pytest.approx(lengths)


def test_no_utterances_are_no_failure(journal: Journal) -> None:
    assert Told().run(Answering(journal), spoken()) == Outcome(0, 0)


def test_a_turn_that_fails_is_told_and_the_next_one_taken(journal: Journal) -> None:
    def second_fails(number: int) -> None:
        if number == 2:
            raise EncoderError("No ears today.")

    told = Told()
    outcome = told.run(Answering(journal, second_fails), spoken(0.1, 0.2, 0.3))
    assert outcome == Outcome(2, 1)
    assert told.lengths == pytest.approx([0.1, 0.3])
    assert told.failures == ["No ears today."]


def test_a_fault_of_the_program_ends_the_loop(journal: Journal) -> None:
    def oh(_number: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Told().run(Answering(journal, oh), spoken(0.1, 0.2))


def test_a_source_that_fails_is_told_after_what_it_gave(journal: Journal) -> None:
    told = Told()
    with pytest.raises(DeviceError, match="unplugged"):
        told.run(Answering(journal), spoken(0.1, 0.2, error=DeviceError("unplugged")))
    assert told.lengths == pytest.approx([0.1, 0.2])


def test_once_ends_after_the_first_exchange(journal: Journal) -> None:
    told = Told()
    assert told.run(Answering(journal), spoken(0.1, 0.2, 0.3), once=True) == Outcome(1, 0)
    assert told.lengths == pytest.approx([0.1])


def test_once_ends_after_a_failure_too(journal: Journal) -> None:
    def fails(_number: int) -> None:
        raise EncoderError("No ears today.")

    assert Told().run(Answering(journal, fails), spoken(0.1, 0.2), once=True) == Outcome(0, 1)


def test_another_thread_can_end_the_wait_for_speech(journal: Journal) -> None:
    stopper, closed, told = Stopper(), threading.Event(), Told()
    stopper.also(closed.set)
    answered = threading.Event()
    answering = Answering(journal, lambda _number: answered.set())

    def stop_later() -> None:
        answered.wait(WAIT_S)
        stopper.stop()

    thread = threading.Thread(target=stop_later)
    thread.start()
    assert told.run(answering, microphone(closed), stopper) == Outcome(1, 0)
    thread.join()
    assert answering.cancelled.is_set()
    assert closed.is_set()


def test_the_turn_under_way_is_cancelled_and_kept_and_no_other_begun(journal: Journal) -> None:
    stopper, told = Stopper(), Told()
    answering = Answering(journal)

    def until_cancelled(_number: int) -> None:
        threading.Thread(target=stopper.stop).start()
        assert answering.cancelled.wait(WAIT_S)

    answering.during = until_cancelled
    assert told.run(answering, spoken(0.1, 0.2, 0.3), stopper) == Outcome(1, 0)
    assert told.lengths == pytest.approx([0.1])
    assert journal.count() == 1


def test_a_loop_that_was_stopped_before_it_began_takes_nothing(journal: Journal) -> None:
    stopper = Stopper()
    stopper.stop()
    stopper.stop()
    answering = Answering(journal)
    assert Told().run(answering, spoken(0.1), stopper) == Outcome(0, 0)
    assert answering.cancelled.is_set()
    assert journal.count() == 0


def test_a_source_is_read_only_a_little_ahead(journal: Journal) -> None:
    taken: list[int] = []
    ahead: list[int] = []

    def long_recording() -> Iterator[Utterance]:
        for number in range(40):
            taken.append(number)
            yield utterance(0.1)

    Told().run(
        Answering(journal, lambda number: ahead.append(len(taken) - number)), long_recording()
    )
    assert len(ahead) == 40
    assert max(ahead) <= daemon.WAITING + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_for_the_end_and_their_old_meaning_comes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stopper, stopped = Stopper(), threading.Event()
    stopper.also(stopped.set)
    with stopper.on_signals():
        os.kill(os.getpid(), number)
        assert stopped.wait(WAIT_S)
        assert stopper.stopped
    assert signal.getsignal(number) is before
