from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from assistant.daemon import loop
from assistant.daemon.loop import Beside, Outcome, Stopper
from assistant.errors import AttuneError, DeviceError, EncoderError
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.turn import Assistant
from assistant.values import FRAME_MS, FRAME_SAMPLES, AudioFrame, Utterance
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
        beside: Beside | None = None,
        once: bool = False,
    ) -> Outcome:
        return loop.run(
            assistant,
            utterances,
            stopper=stopper or Stopper(),
            on_turn=self.turns.append,
            on_failure=lambda error: self.failures.append(str(error)),
            before_turn=lambda utterance: self.begun.append(utterance.seconds),
            beside=beside,
            once=once,
        )

    @property
    def lengths(self) -> list[float | None]:
        return [turn.seconds for turn in self.turns]


class Watching(Beside):
    """Notes what happens in which order."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.seen: list[tuple[str, int]] = []  # and how many utterances the journal then holds
        self.idled = threading.Event()

    def idle(self) -> None:
        if not self.idled.is_set():
            self.note("idle")
            self.idled.set()

    def turn_began(self) -> None:
        self.note("began")

    def turn_ended(self) -> None:
        self.note("ended")

    def note(self, what: str) -> None:
        self.seen.append((what, self.journal.count()))


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
    lengths = [0.1 + 0.02 * number for number in range(3 * loop.WAITING)]
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
    assert max(ahead) <= loop.WAITING + 1


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


def test_what_is_done_beside_is_done_between_turns(journal: Journal) -> None:
    watching = Watching(journal)

    def one_and_later_another() -> Iterator[Utterance]:
        yield utterance(0.1)
        assert watching.idled.wait(WAIT_S)
        yield utterance(0.2)

    Told().run(Answering(journal), one_and_later_another(), beside=watching)
    turns = [("began", 0), ("ended", 1), ("began", 1), ("ended", 2)]
    assert [each for each in watching.seen if each[0] != "idle"] == turns
    assert [at for at, each in enumerate(watching.seen) if each[0] == "idle"] in ([0], [2])


def test_a_turn_that_fails_has_ended_too(journal: Journal) -> None:
    def fails(_number: int) -> None:
        raise EncoderError("No ears today.")

    watching = Watching(journal)
    Told().run(Answering(journal, fails), spoken(0.1), beside=watching)
    assert watching.seen == [("began", 0), ("ended", 1)]


def noticed(
    strip: str, *, gap_after: int | None = None
) -> tuple[list[tuple[int, int]], list[bool]]:
    """At which frames of a strip like "..##." speech is told, each with the frame it began in.

    Args:
        strip: one sign per frame, "#" where there is voice.
        gap_after: frame after which a second is missing.
    """
    starts = [
        (number * FRAME_MS / 1000) + (gap_after is not None and number > gap_after)
        for number in range(len(strip))
    ]
    told: list[tuple[int, int]] = []
    now = 0
    signs = iter(strip)
    detect = loop.noticing(
        lambda _frame: next(signs) == "#",
        lambda captured_at: told.append((now, starts.index(captured_at))),
    )
    heard: list[bool] = []
    for now, start in enumerate(starts):  # noqa: B007 - the callback reads it
        heard.append(detect(AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), start)))
    return told, heard


@pytest.mark.parametrize(
    ("strip", "told"),
    [
        ("", []),
        (".......", []),
        ("##....##..", []),
        ("#..#..#..#", []),
        ("###", [(2, 0)]),
        ("..###..", [(4, 2), (5, 2)]),
        ("#.#.#..", []),
        ("##.#...", [(3, 0)]),
        ("##..#.#", []),
        ("#..##.#", [(6, 3)]),
        ("..#####..", [(4, 2), (5, 2), (6, 3), (7, 4)]),
    ],
)
def test_speech_is_told_at_its_third_voiced_frame(strip: str, told: list[tuple[int, int]]) -> None:
    assert noticed(strip) == (told, [sign == "#" for sign in strip])


def test_speech_is_told_within_80_ms_of_its_beginning() -> None:
    for number in range(1 << 8):
        told, _ = noticed(f"{number:08b}".replace("1", "#").replace("0", "."))
        assert all((at - began + 1) * FRAME_MS <= 80 for at, began in told)


def test_frames_before_a_gap_are_forgotten() -> None:
    assert noticed("##.#.", gap_after=1)[0] == []
    assert noticed("##.#.")[0] == [(3, 0)]
