from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from assistant.config import ListenSettings, TurnSettings
from assistant.daemon import loop
from assistant.daemon.listener import noticing
from assistant.daemon.loop import WENT_ON, Beside, Inbox, LoopOutcome, Stopper, joined
from assistant.daemon.turn_taking import TurnTaking
from assistant.dialogue import DialoguePolicy
from assistant.errors import AttuneError, DeviceError, EncoderError
from assistant.household.household import Household
from assistant.journal.buffered import BufferedJournal
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.listen.segment import voiced
from assistant.skills.desk import Desk
from assistant.turn import Assistant
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, Utterance
from tests.daemon import home
from tests.journal.exchanges import STARTED_AT, utterance
from tests.waiting import WAIT_S

ROOT = Path(__file__).parents[2]


@pytest.fixture
def journal(path: Path) -> Iterator[BufferedJournal]:
    with BufferedJournal(path) as journal:
        yield journal


class Reopened(DialoguePolicy):
    """Counts how often what was judged last has proved a beginning."""

    times = 0

    def reopen(self) -> None:
        self.times += 1


class Answering(Assistant):
    """Keeps utterances in a real journal and answers none."""

    def __init__(
        self, journal: BufferedJournal, during: Callable[[int], None] = lambda _: None
    ) -> None:
        self.journal = journal
        self.dialogue = Reopened(TurnSettings.model_validate({}))
        self.desk = Desk(Household.of(journal))
        self.during = during  # told the number of each turn
        self.cancelled = threading.Event()

    def hear(self, utterance: Utterance, *, aloud: bool = True) -> Turn:  # noqa: ARG002
        number = self.journal.hear(utterance)
        self.during(number)
        return self.journal.turn(number)

    def cancel(self) -> None:
        self.cancelled.set()


class Told(home.Told):
    """Whom the loop tells."""

    def run(
        self,
        assistant: Assistant,
        utterances: Iterable[Utterance],
        stopper: Stopper | None = None,
        *,
        beside: Beside | None = None,
        inbox: Inbox | None = None,
        turn_taking: TurnTaking | None = None,
        once: bool = False,
    ) -> LoopOutcome:
        return loop.run(
            assistant,
            utterances,
            stopper=stopper or Stopper(),
            reporter=self,
            beside=beside,
            inbox=inbox,
            turn_taking=turn_taking,
            once=once,
        )


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


def test_utterances_are_answered_in_order(journal: BufferedJournal) -> None:
    told = Told()
    lengths = [0.1 + 0.02 * number for number in range(3 * loop.WAITING)]
    assert told.run(Answering(journal), spoken(*lengths)) == LoopOutcome(len(lengths), 0)
    assert told.lengths == told.begun == pytest.approx(lengths)


def test_no_utterances_are_no_failure(journal: BufferedJournal) -> None:
    assert Told().run(Answering(journal), spoken()) == LoopOutcome(0, 0)


def test_a_turn_that_fails_is_told_and_the_next_one_taken(journal: BufferedJournal) -> None:
    def second_fails(number: int) -> None:
        if number == 2:
            raise EncoderError("No microphone today.")

    told = Told()
    outcome = told.run(Answering(journal, second_fails), spoken(0.1, 0.2, 0.3))
    assert outcome == LoopOutcome(2, 1)
    assert told.lengths == pytest.approx([0.1, 0.3])
    assert told.failures == ["No microphone today."]


def test_a_fault_of_the_program_ends_the_loop(journal: BufferedJournal) -> None:
    def oh(_number: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Told().run(Answering(journal, oh), spoken(0.1, 0.2))


def test_a_source_that_fails_is_told_after_what_it_gave(journal: BufferedJournal) -> None:
    told = Told()
    with pytest.raises(DeviceError, match="unplugged"):
        told.run(Answering(journal), spoken(0.1, 0.2, error=DeviceError("unplugged")))
    assert told.lengths == pytest.approx([0.1, 0.2])


def test_once_ends_after_the_first_exchange(journal: BufferedJournal) -> None:
    told = Told()
    assert told.run(Answering(journal), spoken(0.1, 0.2, 0.3), once=True) == LoopOutcome(1, 0)
    assert told.lengths == pytest.approx([0.1])


def test_once_ends_after_a_failure_too(journal: BufferedJournal) -> None:
    def fails(_number: int) -> None:
        raise EncoderError("No microphone today.")

    assert Told().run(Answering(journal, fails), spoken(0.1, 0.2), once=True) == LoopOutcome(0, 1)


def test_another_thread_can_end_the_wait_for_speech(journal: BufferedJournal) -> None:
    stopper, closed, told = Stopper(), threading.Event(), Told()
    stopper.also(closed.set)
    answered = threading.Event()
    answering = Answering(journal, lambda _number: answered.set())

    def stop_later() -> None:
        answered.wait(WAIT_S)
        stopper.stop()

    thread = threading.Thread(target=stop_later)
    thread.start()
    assert told.run(answering, microphone(closed), stopper) == LoopOutcome(1, 0)
    thread.join()
    assert answering.cancelled.is_set()
    assert closed.is_set()


def test_the_turn_under_way_is_cancelled_and_kept_and_no_other_begun(
    journal: BufferedJournal,
) -> None:
    stopper, told = Stopper(), Told()
    answering = Answering(journal)

    def until_cancelled(_number: int) -> None:
        threading.Thread(target=stopper.stop).start()
        assert answering.cancelled.wait(WAIT_S)

    answering.during = until_cancelled
    assert told.run(answering, spoken(0.1, 0.2, 0.3), stopper) == LoopOutcome(1, 0)
    assert told.lengths == pytest.approx([0.1])
    assert journal.count() == 1


def test_a_loop_that_was_stopped_before_it_began_takes_nothing(journal: BufferedJournal) -> None:
    stopper = Stopper()
    stopper.stop()
    stopper.stop()
    answering = Answering(journal)
    assert Told().run(answering, spoken(0.1), stopper) == LoopOutcome(0, 0)
    assert answering.cancelled.is_set()
    assert journal.count() == 0


def test_a_source_is_read_only_a_little_ahead(journal: BufferedJournal) -> None:
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


def test_what_is_done_beside_is_done_between_turns(journal: BufferedJournal) -> None:
    watching = Watching(journal)

    def one_and_later_another() -> Iterator[Utterance]:
        yield utterance(0.1)
        assert watching.idled.wait(WAIT_S)
        yield utterance(0.2)

    Told().run(Answering(journal), one_and_later_another(), beside=watching)
    turns = [("began", 0), ("ended", 1), ("began", 1), ("ended", 2)]
    assert [each for each in watching.seen if each[0] != "idle"] == turns
    assert [at for at, each in enumerate(watching.seen) if each[0] == "idle"] in ([0], [2])


def test_a_turn_that_fails_has_ended_too(journal: BufferedJournal) -> None:
    def fails(_number: int) -> None:
        raise EncoderError("No microphone today.")

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
    detect = noticing(
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
        ("#....#...#", []),
        ("#..#..#..#", []),
        ("##", [(1, 0)]),
        ("##....##..", [(1, 0), (2, 0), (7, 6), (8, 6)]),
        ("###", [(1, 0), (2, 0)]),
        ("..###..", [(3, 2), (4, 2), (5, 3)]),
        ("#.#.#..", [(2, 0), (4, 2)]),
        ("##.#...", [(1, 0), (2, 0), (3, 1)]),
        ("#..##.#", [(4, 3), (5, 3), (6, 4)]),
        ("..#####..", [(3, 2), (4, 2), (5, 3), (6, 4), (7, 5)]),
    ],
)
def test_speech_is_told_at_its_second_voiced_frame(strip: str, told: list[tuple[int, int]]) -> None:
    assert noticed(strip) == (told, [sign == "#" for sign in strip])


def test_speech_is_told_within_60_ms_of_its_beginning() -> None:
    for number in range(1 << 8):
        told, _ = noticed(f"{number:08b}".replace("1", "#").replace("0", "."))
        assert all((at - began + 1) * FRAME_MS <= 60 for at, began in told)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_the_detector_says_voice_for_four_frames_or_not_at_all(mode: int) -> None:
    """So that two of them tell no more clicks from speech than one, and no fewer than four."""
    rng = np.random.default_rng(mode)
    lengths: list[int] = []
    for _ in range(40):
        sound = rng.normal(size=2 * SAMPLE_RATE) * 30
        for at in rng.integers(0, sound.shape[0] - 900, 10):
            sound[at : at + rng.integers(20, 900)] += rng.normal() * 20_000
        detect = voiced(mode)
        strip = "".join(
            "#" if detect(AudioFrame(samples, 0.0)) else "."
            for samples in sound.clip(-32_768, 32_767).astype(np.int16).reshape(-1, FRAME_SAMPLES)
        )
        lengths += [len(run) for run in strip.rstrip("#").split(".") if run]
    assert len(lengths) > 30
    assert min(lengths) >= 4


def test_frames_before_a_gap_are_forgotten() -> None:
    assert noticed("#.#.", gap_after=0)[0] == []
    assert noticed("#.#.")[0] == [(2, 0)]


def test_errands_are_done_between_turns_by_the_thread_that_answers(
    journal: BufferedJournal,
) -> None:
    inbox, done = Inbox(), threading.Event()
    seen: list[tuple[str, str]] = []

    def errand() -> None:
        seen.append(("errand", threading.current_thread().name))
        done.set()

    def during(number: int) -> None:
        if number == 1:
            inbox.errand(errand)
        assert done.is_set() is (number == 2)
        seen.append((f"turn {number}", threading.current_thread().name))

    def conversation() -> Iterator[Utterance]:
        yield utterance(0.1)
        assert done.wait(WAIT_S)
        yield utterance(0.2)

    watching = Watching(journal)
    outcome = Told().run(Answering(journal, during), conversation(), beside=watching, inbox=inbox)
    assert outcome == LoopOutcome(2, 0)
    assert seen == [
        (what, threading.current_thread().name) for what in ("turn 1", "errand", "turn 2")
    ]
    turns = [("began", 0), ("ended", 1), ("began", 1), ("ended", 1), ("began", 1), ("ended", 2)]
    assert [each for each in watching.seen if each[0] != "idle"] == turns


def test_an_errand_that_fails_is_told_and_the_loop_goes_on(journal: BufferedJournal) -> None:
    inbox, told = Inbox(), Told()

    def fail() -> None:
        raise DeviceError("No voice today.")

    inbox.errand(fail)
    assert told.run(Answering(journal), spoken(0.1), inbox=inbox) == LoopOutcome(1, 1)
    assert told.failures == ["No voice today."]


def test_an_errand_does_not_end_a_loop_for_one_exchange(journal: BufferedJournal) -> None:
    inbox = Inbox()
    inbox.errand(lambda: None)
    outcome = Told().run(Answering(journal), spoken(0.1, 0.2), inbox=inbox, once=True)
    assert outcome == LoopOutcome(1, 0)


def full() -> Inbox:
    inbox = Inbox()
    for number in range(loop.WAITING):
        inbox.put(utterance(0.1 + number / 100), lambda: False)
    return inbox


def test_an_inbox_makes_its_source_wait_for_room() -> None:
    inbox = full()
    putting = threading.Thread(target=inbox.put, args=(utterance(0.5), lambda: True))
    putting.start()
    putting.join(0.25)
    assert putting.is_alive()
    first = inbox.get(0)
    assert isinstance(first, Utterance)
    assert first.seconds == pytest.approx(0.1)
    putting.join(WAIT_S)
    assert not putting.is_alive()
    assert [each.seconds for each in inbox.rest()][-1] == pytest.approx(0.5)


def test_what_comes_in_at_the_end_is_kept_though_there_is_no_room() -> None:
    inbox = full()
    inbox.put(utterance(0.5), lambda: False)
    assert len(list(inbox.rest())) == loop.WAITING + 1


def test_the_rest_of_an_inbox_holds_no_errands() -> None:
    inbox = Inbox()
    inbox.errand(lambda: pytest.fail("nobody does this any more"))
    inbox.put(utterance(0.1), lambda: True)
    inbox.end(DeviceError("unplugged"))
    inbox.put(utterance(0.2), lambda: True)
    assert [each.seconds for each in inbox.rest()] == pytest.approx([0.1, 0.2])
    assert list(inbox.rest()) == []


def test_what_was_said_at_the_end_waits_in_the_inbox(journal: BufferedJournal) -> None:
    stopper, inbox, told = Stopper(), Inbox(), Told()

    def until_stopped() -> Iterator[Utterance]:
        yield utterance(0.1)
        assert stopped.wait(WAIT_S)
        yield utterance(0.2)  # was under way
        raise DeviceError("The microphone was closed.")

    stopped = threading.Event()
    stopper.also(stopped.set)
    answering = Answering(journal, lambda _number: stopper.stop())
    assert told.run(answering, until_stopped(), stopper, inbox=inbox) == LoopOutcome(1, 0)
    assert [each.seconds for each in inbox.rest()] == pytest.approx([0.2])
    with pytest.raises(queue.Empty):  # the next loop is not ended by what ended this one
        inbox.get(0)


class Talker:
    """Goes on speaking during some turns, as the listening thread would tell it."""

    def __init__(self, *during: int) -> None:
        self.during = during
        self.turn_taking = TurnTaking(ListenSettings.model_validate({}), clock=lambda: 0.0)

    def __call__(self, number: int) -> None:
        if number in self.during:
            for at in range(30):
                frame = AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), at * FRAME_MS / 1000)
                self.turn_taking.frame(frame, voiced=at >= 10)


def later(seconds: float, *, after_s: float) -> Utterance:
    return utterance(seconds, started_at=STARTED_AT + timedelta(seconds=after_s), seed=1)


def test_a_turn_whose_speaker_went_on_is_one_with_what_follows(journal: BufferedJournal) -> None:
    talker, told = Talker(1), Told()
    answering = Answering(journal, talker)
    first, second = utterance(0.5), later(0.3, after_s=1.8)
    outcome = told.run(answering, [first, second, utterance(0.1)], turn_taking=talker.turn_taking)
    assert outcome == LoopOutcome(2, 0)
    assert told.begun == pytest.approx([0.5, 0.8, 0.1])
    assert told.lengths == pytest.approx([0.8, 0.1])
    begun, whole, other = sorted(journal.turns(), key=lambda turn: turn.id)
    assert (begun.error, whole.error, other.error) == (WENT_ON, None, None)
    assert whole.started_at == STARTED_AT
    np.testing.assert_allclose(
        journal.audio(whole.id),
        np.concatenate([first.samples, second.samples]),
        atol=1e-3,
    )
    assert isinstance(answering.dialogue, Reopened)
    assert answering.dialogue.times == 1


def test_a_speaker_may_go_on_more_than_once(journal: BufferedJournal) -> None:
    talker, told = Talker(1, 2), Told()
    pieces = [utterance(0.5), later(0.3, after_s=1.8), later(0.2, after_s=3.5)]
    assert told.run(
        Answering(journal, talker), pieces, turn_taking=talker.turn_taking
    ) == LoopOutcome(1, 0)
    assert told.lengths == pytest.approx([1.0])
    assert {turn.id: turn.error for turn in journal.turns()} == {1: WENT_ON, 2: WENT_ON, 3: None}


def test_what_comes_much_later_is_an_exchange_of_its_own(journal: BufferedJournal) -> None:
    talker, told = Talker(1), Told()
    pieces = [utterance(0.5), later(0.3, after_s=60)]
    assert told.run(
        Answering(journal, talker), pieces, turn_taking=talker.turn_taking
    ) == LoopOutcome(1, 0)
    assert told.lengths == pytest.approx([0.3])


def test_a_beginning_that_was_not_kept_is_heard_nevertheless(journal: BufferedJournal) -> None:
    talker, told = Talker(1), Told()

    class Forgetful(Answering):
        def hear(self, utterance: Utterance, *, aloud: bool = True) -> Turn:
            turn = super().hear(utterance, aloud=aloud)
            if turn.id == 1:
                self.journal.delete((turn.id,))
            return turn

    pieces = [utterance(0.5), later(0.3, after_s=1.8)]
    assert told.run(
        Forgetful(journal, talker), pieces, turn_taking=talker.turn_taking
    ) == LoopOutcome(1, 0)
    assert told.lengths == pytest.approx([0.8])


def test_a_turn_that_fails_is_not_taken_back(journal: BufferedJournal) -> None:
    talker, told = Talker(1), Told()

    def fails(number: int) -> None:
        talker(number)
        if number == 1:
            raise EncoderError("No microphone today.")

    pieces = [utterance(0.5), later(0.3, after_s=1.8)]
    assert told.run(
        Answering(journal, fails), pieces, turn_taking=talker.turn_taking
    ) == LoopOutcome(1, 1)
    assert told.lengths == pytest.approx([0.3])


def test_after_a_turn_that_failed_something_else_may_be_said(journal: BufferedJournal) -> None:
    talker = Talker(1)

    def fails(number: int) -> None:
        talker(number)
        raise EncoderError("No microphone today.")

    Told().run(Answering(journal, fails), [utterance(0.5)], turn_taking=talker.turn_taking)
    for _ in range(20):
        talker.turn_taking.frame(AudioFrame(np.zeros(FRAME_SAMPLES, np.int16), 9.0), voiced=False)
    assert talker.turn_taking.wait()


@pytest.mark.parametrize(("after_s", "seconds"), [(1.4, 0.8), (6.2, 0.8), (6.4, 0.3), (-60, 0.8)])
def test_two_pieces_are_joined_unless_too_much_time_lies_between(
    after_s: float, seconds: float
) -> None:
    first, second = utterance(0.5), later(0.3, after_s=after_s)
    whole = joined(first, second)
    assert whole.seconds == pytest.approx(seconds)
    assert whole.started_at == (STARTED_AT if seconds > 0.5 else second.started_at)
    second = replace(second, endpoint_ms=1_000.0)
    assert joined(first, second).endpoint_ms == 1_000.0
    assert joined(None, second) is second


def test_the_voice_of_two_pieces_is_that_of_both() -> None:
    first, second = utterance(0.5), later(0.3, after_s=1.4)
    assert joined(first, second).voiced_s is None
    first = replace(first, voiced_s=0.4)
    assert joined(first, second).voiced_s is None
    assert joined(first, replace(second, voiced_s=0.2)).voiced_s == pytest.approx(0.6)


def test_two_pieces_rise_above_a_background_as_far_as_the_louder_one() -> None:
    first, second = utterance(0.5), later(0.3, after_s=1.4)
    assert joined(first, second).contrast_db is None
    second = replace(second, contrast_db=4.0)
    assert joined(first, second).contrast_db == 4.0
    assert joined(replace(first, contrast_db=9.0), second).contrast_db == 9.0


def test_what_is_asked_for_at_the_end_is_done_at_once_when_it_has_come() -> None:
    stopper, stopped = Stopper(), threading.Event()
    stopper.stop()
    stopper.also(stopped.set)
    assert stopped.is_set()


SIGNALLED = """
import signal, threading
from assistant.daemon.loop import Stopper
before = signal.getsignal(signal.SIGHUP)
stopper = Stopper()
stopped = threading.Event()
stopper.also(lambda: (print("stop", flush=True), stopped.set()))
with stopper.on_signals(lambda: print("hang up", flush=True)):
    print("ready", flush=True)
    while not stopped.wait(0.1):
        pass
if signal.getsignal(signal.SIGHUP) is before:
    print("as ever", flush=True)
"""


def test_a_signal_to_hang_up_does_what_is_wished_and_ends_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SIGNALLED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None

        def told() -> str:
            assert process.stdout is not None
            return process.stdout.readline().strip()

        assert told() == "ready"
        for _ in range(2):
            process.send_signal(signal.SIGHUP)
            assert told() == "hang up"
        process.send_signal(signal.SIGTERM)
        assert [told(), told()] == ["stop", "as ever"]
    assert process.returncode == 0
