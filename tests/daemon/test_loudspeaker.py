from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from assistant.daemon.loudspeaker import RETRY_S, LoudspeakerSupervisor
from assistant.errors import AudioFileError, DependencyError, DeviceError
from assistant.speak.espeak import Speech

SPEECH = Speech(np.zeros(100, np.int16), 22_050)

WRITTEN = "Until then replies are only shown as text."
WORKS = "The loudspeaker works again."


@dataclass
class Loudspeaker:
    """Fails where it is told to; a reply that has begun has to be ended."""

    fails: set[str] = field(default_factory=set)
    error: type[Exception] = DeviceError
    calls: list[str] = field(default_factory=list)
    refreshed: int = 0
    mended_by_refresh: bool = False
    stopped: bool = False
    open: int = 0  # streams

    def begin(self, name: str) -> None:
        self.stopped = False
        self.do("begin", name)
        self.open += 1

    def play(self, speech: Speech) -> bool:
        del speech
        if self.stopped:  # as the real one, which stops itself when it fails
            return False
        self.do("play")
        return True

    def stop(self) -> None:
        self.stopped = True

    def end(self) -> None:
        self.open -= 1
        self.do("end")

    def refresh(self) -> None:
        self.refreshed += 1
        if self.mended_by_refresh:
            self.fails.clear()

    def do(self, what: str, *more: str) -> None:
        self.calls.append(" ".join((what, *more)))
        if what in self.fails:
            self.stopped = True
            raise self.error(f"Broken at {what}.")


@dataclass
class Setup:
    """A loudspeaker and what it tells, with a clock that is moved by hand."""

    out: Loudspeaker = field(default_factory=Loudspeaker)
    told: list[str] = field(default_factory=list)
    beats: int = 0
    seconds: float = 1_000.0

    def __post_init__(self) -> None:
        self.loudspeaker = LoudspeakerSupervisor(
            self.out,
            self.told.append,
            refresh=self.out.refresh,
            beat=self.beat,
            clock=lambda: self.seconds,
        )

    def beat(self) -> None:
        self.beats += 1

    def reply(self, sentences: int = 2) -> list[bool]:
        """Say a reply; what each sentence gave."""
        self.loudspeaker.begin("turn-000001")
        said = [self.loudspeaker.play(SPEECH) for _ in range(sentences)]
        self.loudspeaker.end()
        assert self.out.open == 0
        assert not self.loudspeaker.speaking
        return said


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_a_reply_goes_through(setup: Setup) -> None:
    assert setup.reply() == [True, True]
    assert setup.out.calls == ["begin turn-000001", "play", "play", "end"]
    assert setup.beats == 2
    assert setup.out.refreshed == 0
    assert (setup.told, setup.loudspeaker.why) == ([], None)


def test_it_speaks_between_begin_and_end(setup: Setup) -> None:
    assert not setup.loudspeaker.speaking
    setup.loudspeaker.begin("a")
    assert setup.loudspeaker.speaking
    setup.loudspeaker.end()
    assert not setup.loudspeaker.speaking


@pytest.mark.parametrize("where", ["begin", "play", "end"])
def test_a_failure_costs_no_reply_and_is_told_once(setup: Setup, where: str) -> None:
    setup.out.fails = {where}
    for _ in range(4):
        assert setup.reply() == [True, True]
        setup.seconds += RETRY_S[-1]
    assert setup.told == [f"Broken at {where}. {WRITTEN}"]
    assert setup.loudspeaker.why == f"Broken at {where}."
    assert setup.beats == 8
    setup.out.fails.clear()
    assert setup.reply() == [True, True]
    assert setup.told[1:] == [WORKS]
    assert setup.loudspeaker.why is None


def test_what_failed_within_a_reply_is_not_tried_again_in_it(setup: Setup) -> None:
    setup.out.fails = {"play"}
    setup.loudspeaker.begin("a")
    assert setup.loudspeaker.play(SPEECH)
    assert not setup.loudspeaker.speaking
    setup.out.fails.clear()
    assert setup.loudspeaker.play(SPEECH)
    setup.loudspeaker.end()
    assert setup.out.calls == ["begin a", "play", "end"]
    assert setup.told == [f"Broken at play. {WRITTEN}"]


def test_a_loudspeaker_that_came_after_the_start_is_found_at_once(setup: Setup) -> None:
    setup.out.fails = {"begin"}
    setup.out.mended_by_refresh = True
    assert setup.reply() == [True, True]
    assert setup.out.calls == ["begin turn-000001", "begin turn-000001", "play", "play", "end"]
    assert setup.told == []


def test_attempts_become_rarer_up_to_a_limit(setup: Setup) -> None:
    setup.out.fails = {"begin"}
    setup.reply()
    for pause in (*RETRY_S, RETRY_S[-1]):
        tried = len(setup.out.calls)
        if pause:
            setup.seconds += pause - 0.01
            setup.reply()
            assert len(setup.out.calls) == tried
        setup.seconds += 0.02
        setup.reply()
        assert len(setup.out.calls) == tried + 1
    assert len(setup.told) == 1


def test_after_it_has_worked_attempts_are_frequent_again(setup: Setup) -> None:
    setup.out.fails = {"begin"}
    for _ in range(4):
        setup.reply()
        setup.seconds += RETRY_S[-1]
    setup.out.fails.clear()
    setup.reply()
    setup.out.fails = {"begin"}
    setup.reply()
    tried = len(setup.out.calls)
    setup.reply()
    assert len(setup.out.calls) == tried + 1
    assert setup.told == [f"Broken at begin. {WRITTEN}", WORKS, f"Broken at begin. {WRITTEN}"]


def test_a_library_that_is_missing_costs_no_reply_either(setup: Setup) -> None:
    setup.out.fails, setup.out.error = {"begin"}, DependencyError
    assert setup.reply() == [True, True]
    assert setup.told == [f"Broken at begin. {WRITTEN}"]


def test_a_file_that_cannot_be_written_is_for_the_turn_to_tell(setup: Setup) -> None:
    setup.out.fails, setup.out.error = {"play"}, AudioFileError
    with pytest.raises(AudioFileError):
        setup.reply()
    assert setup.told == []


@pytest.mark.parametrize("fails", [set[str](), {"begin"}])
def test_a_stopped_reply_is_over_with_and_without_a_loudspeaker(
    setup: Setup, fails: set[str]
) -> None:
    setup.out.fails = fails
    setup.loudspeaker.begin("a")
    assert setup.loudspeaker.play(SPEECH)
    setup.loudspeaker.stop()
    assert not setup.loudspeaker.play(SPEECH)
    setup.loudspeaker.end()
    assert setup.reply() == [True, True]


def test_a_reply_stopped_before_its_first_sound_does_not_show_that_it_works(setup: Setup) -> None:
    setup.out.fails = {"play"}
    setup.reply()
    setup.out.fails.clear()
    setup.loudspeaker.begin("a")
    setup.loudspeaker.stop()
    assert not setup.loudspeaker.play(SPEECH)
    setup.loudspeaker.end()
    assert setup.loudspeaker.why == "Broken at play."
    assert len(setup.told) == 1
