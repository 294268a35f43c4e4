"""Requests to the home on their way to another process and back."""

from __future__ import annotations

import threading

from assistant.household.smart_home import (
    ANSWER_S,
    GONE_S,
    TAKE_S,
    HomeAnswer,
    HomeRequest,
    SmartHome,
)
from tests.waiting import WAIT_S

NEVER = threading.Event()
DONE = HomeAnswer("done", "Turned on the light")


class Clock:
    """Goes on by a step whenever it is looked at, which is not for ever."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 100.0, step
        self.looks = 0

    def __call__(self) -> float:
        self.now += self.step
        self.looks += 1
        assert self.looks < 40
        return self.now


def test_a_request_is_taken_once_and_its_answer_comes_back() -> None:
    home, request = SmartHome(), HomeRequest("turn on the light")
    home.put(request)
    taken = home.take(0)
    assert taken is request
    assert home.take(0) is None
    assert 0 < home.left_s(request) <= ANSWER_S
    home.answered(request.number, DONE)
    assert home.wait(request, NEVER) == DONE


def test_whoever_waits_for_a_request_gets_it_when_it_comes() -> None:
    home, taken = SmartHome(), list[HomeRequest | None]()
    thread = threading.Thread(target=lambda: taken.append(home.take(WAIT_S)))
    thread.start()
    request = HomeRequest("turn on the light")
    home.put(request)
    thread.join(WAIT_S)
    assert taken == [request]


def test_what_nobody_takes_is_withdrawn_and_never_sent() -> None:
    home, request = SmartHome(monotonic=Clock(TAKE_S)), HomeRequest("turn on the light")
    home.put(request)
    assert home.wait(request, NEVER) == HomeAnswer("unreachable")
    assert home.take(0) is None


def test_whether_a_late_answer_is_to_a_request_that_was_done_nobody_knows() -> None:
    clock = Clock()
    home, request = SmartHome(monotonic=clock), HomeRequest("turn on the light")
    home.put(request)
    assert home.take(0) is request
    clock.step = ANSWER_S
    assert home.wait(request, NEVER) == HomeAnswer("unknown")
    home.answered(request.number, DONE)
    later = HomeRequest("turn off the light")
    home.put(later)
    home.answered(request.number, DONE)  # not to this one
    home.answered(later.number, DONE)  # which nobody has taken
    assert later.answer is None


def test_stop_ends_the_wait() -> None:
    stopped = threading.Event()
    stopped.set()
    home, request = SmartHome(monotonic=Clock()), HomeRequest("turn on the light")
    home.put(request)
    assert home.wait(request, stopped) == HomeAnswer("unreachable")
    assert home.take(0) is None
    home.put(again := HomeRequest("turn on the light"))
    assert home.take(0) is again
    assert home.wait(again, stopped) == HomeAnswer("unknown")


def test_at_the_end_nobody_is_kept_waiting() -> None:
    home, taken = SmartHome(), list[HomeRequest | None]()
    thread = threading.Thread(target=lambda: taken.append(home.take(WAIT_S)))
    thread.start()
    home.close()
    thread.join(WAIT_S)
    assert taken == [None]


def test_whoever_is_gone_or_cannot_work_is_told_of() -> None:
    clock = Clock()
    home = SmartHome(monotonic=clock)
    assert list(home.warnings()) == []
    clock.now += GONE_S + 1
    (gone,) = home.warnings()
    assert "'assistant home' does not run" in gone
    home.take(0, "Cannot reach Home Assistant.")
    assert list(home.warnings()) == ["Cannot reach Home Assistant."]
    home.take(0)
    assert list(home.warnings()) == []
