"""What is said on its way to Home Assistant, and when it is over."""

from __future__ import annotations

import threading

from assistant.household.satellite import LED_S, Satellite
from assistant.household.smart_home import GONE_S, HomeAnswer, HomeRequest
from tests.household.test_smart_home import DONE, NEVER, Clock
from tests.waiting import WAIT_S


def test_a_slow_answer_is_waited_for_longer_than_that_of_a_light() -> None:
    clock = Clock()
    satellite, request = Satellite(monotonic=clock), HomeRequest("how warm is it", b"sound")
    satellite.put(request)
    assert satellite.take(0) is request
    clock.now += LED_S - 1
    assert 0 < satellite.left_s(request) <= 1
    clock.step = 1
    assert satellite.wait(request, NEVER) == HomeAnswer("unknown")
    assert satellite.is_over(request.number, 0)


def test_it_is_over_when_its_answer_has_been_heard() -> None:
    satellite, request = Satellite(), HomeRequest("how warm is it")
    satellite.put(request)
    assert satellite.take(0) is request
    satellite.answered(request.number, DONE)
    assert satellite.wait(request, NEVER) == DONE
    assert not satellite.is_over(request.number, 0)
    found: list[bool] = []
    thread = threading.Thread(
        target=lambda: found.append(satellite.is_over(request.number, WAIT_S))
    )
    thread.start()
    satellite.turn_ended()
    thread.join(WAIT_S)
    assert found == [True]


def test_what_was_never_put_here_is_over_and_so_is_what_came_before() -> None:
    satellite = Satellite()
    assert satellite.is_over(7, 0)  # of a daemon that was there before
    for _ in range(2):
        satellite.put(HomeRequest("how warm is it"))
    assert satellite.is_over(1, 0)
    assert not satellite.is_over(2, 0)
    satellite.close()
    assert satellite.is_over(2, 0)


def test_who_waits_does_errands_meanwhile_also_the_last_ones() -> None:
    satellite, done = Satellite(), list[int]()
    assert not satellite.errand(lambda: done.append(0))
    request = HomeRequest("how warm is it")
    satellite.put(request)
    assert satellite.take(0) is request

    def first() -> None:
        done.append(1)
        satellite.answered(request.number, DONE)
        assert satellite.errand(lambda: done.append(2))

    assert satellite.errand(first)
    assert satellite.wait(request, NEVER) == DONE
    assert done == [1, 2]


def test_errands_are_done_from_the_request_on_and_after_a_turn_that_failed() -> None:
    satellite, done = Satellite(), list[int]()
    satellite.put(HomeRequest("how warm is it"))
    assert satellite.errand(lambda: done.append(1))  # the loudspeaker is still being opened
    assert done == []
    satellite.turn_ended()
    assert done == [1]
    assert not satellite.errand(lambda: done.append(2))


def test_whoever_is_gone_is_told_of() -> None:
    clock = Clock()
    satellite = Satellite(monotonic=clock)
    clock.now += GONE_S + 1
    (gone,) = satellite.warnings()
    assert "'assistant wyoming' does not run" in gone
    assert satellite.is_over(1, 0)  # which only it asks
    assert list(satellite.warnings()) == []
