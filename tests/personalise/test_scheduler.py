from __future__ import annotations

import logging
import os
import signal
from dataclasses import replace

import pytest

from assistant.errors import JournalError, TrainingError
from assistant.journal.store import Journal
from assistant.personalise.background.scheduler import EXAMPLES, State
from assistant.personalise.background.supervisor import Ended, How
from assistant.personalise.bridges.erasure import RETRAIN_DUE
from assistant.personalise.training.events import Collected, Judged, Nothing
from assistant.personalise.training.request import Request
from tests.personalise.home import CALM, Home
from tests.personalise.trainers import SAID


def test_a_training_waits_for_peace_and_ends_in_a_verdict(home: Home) -> None:
    home.scheduler.tick()
    status = home.scheduler.status()
    assert status.state is State.WAITING
    assert status.waits == ("Attune started 0 s ago, 300 s more",)  # which is no speech
    assert status.new_examples == 9
    home.scheduler.speech(0.0)
    home.later(299)
    assert home.scheduler.status().waits == ("somebody spoke 299 s ago, 1 s more",)
    home.later(5)
    assert home.scheduler.status().state is State.TRAINING
    assert home.scheduler.status().waits == ()
    assert home.ended() == Ended(How.DONE)
    assert home.told[0] == Collected(8, 2)
    verdict = home.told[-2]
    assert verdict == Judged("from-current", accepted=True, why="better", numbers={})
    status = home.scheduler.status()
    assert (status.state, status.last_verdict, status.failures) == (State.WAITING, verdict, 0)
    assert home.journal.remembered(EXAMPLES) == "9"


def test_progress_is_told_by_stage(home: Home) -> None:
    home.train("step_on")
    home.until(lambda: home.scheduler.status().progress)
    status = home.scheduler.status()
    assert status.seconds_left == 100.0
    assert status.progress is not None
    assert 0 < status.progress < 1


def test_the_world_is_looked_at_every_few_seconds_and_not_while_training(home: Home) -> None:
    home.device = replace(CALM, on_mains=False)
    for _ in range(100):
        home.later(4)
    assert home.looks == 50
    home.device = CALM
    home.train("step_on")
    looks = home.looks
    for _ in range(10):
        home.later(10)
    assert home.looks == looks


def test_new_examples_count_from_the_last_verdict(home: Home) -> None:
    home.train()
    home.ended()
    home.later(5)
    assert home.scheduler.status().waits == ("5 more examples",)
    home.examples = 13
    home.later(5)
    assert home.scheduler.status().waits == ("1 more example",)
    assert home.scheduler.status().new_examples == 4
    home.examples = 3  # after an erasure
    home.later(5)
    home.examples = 7
    home.later(5)
    assert home.scheduler.status().waits == ("1 more example",)


def test_a_verdict_that_cannot_be_remembered_is_told_nevertheless(home: Home) -> None:
    home.later(300)
    home.journal.close()
    with pytest.raises(JournalError):
        home.until(lambda: False)
    assert isinstance(home.told[-1], Judged)
    assert home.scheduler.status().last_verdict == home.told[-1]
    assert home.ended() == Ended(How.DONE)


def test_nothing_to_train_counts_as_a_verdict(home: Home) -> None:
    home.train("find_nothing")
    home.ended()
    home.later(5)
    assert home.scheduler.status().waits == ("5 more examples",)
    assert home.scheduler.status().last_verdict == Nothing("there are too few examples")


@pytest.mark.parametrize(
    ("role", "how", "why"),
    [
        (("die", 3), How.DIED, "it ended with status 3"),
        (
            ("kill", int(signal.SIGKILL)),
            How.DIED,
            "it was killed, probably because memory ran out",
        ),
        (("fail",), How.DIED, "The encoder is gone."),
        (("give_up",), How.DIED, "it ended without a verdict"),
    ],
)
def test_a_failed_training_is_told_and_tried_again_later(
    home: Home, role: tuple[object, ...], how: How, why: str
) -> None:
    home.role = role
    home.later(300)
    ended = home.ended()
    assert (ended.how, ended.why) == (how, why)
    home.later(5)
    status = home.scheduler.status()
    assert (status.state, status.failures, status.last_failure) == (State.WAITING, 1, why)
    assert status.waits == ("after a failed training: 10 min more",)
    home.role = ("learn",)
    home.later(590)
    assert home.scheduler.status().waits == ("after a failed training: 5 s more",)
    home.later(10)
    assert home.ended() == Ended(How.DONE)
    assert home.scheduler.status().failures == 0
    assert home.scheduler_again().status().failures == 0


def test_a_trainer_that_hangs_is_killed_and_told(home: Home) -> None:
    home.train("hang")
    home.later(179)
    assert home.scheduler.status().state is State.TRAINING
    home.later(1)
    assert home.ended() == Ended(How.HUNG, "it reported nothing for 180 s")
    assert home.scheduler.status().failures == 1


def test_a_trainer_killed_while_it_is_paused_is_told(home: Home) -> None:
    home.train("step_on")
    home.scheduler.turn_began()
    os.kill(home.started[-1].pid, signal.SIGKILL)
    home.scheduler.turn_ended()
    home.scheduler.turn_began()
    assert home.ended().how is How.DIED
    home.scheduler.speech(home.seconds)
    home.scheduler.turn_ended()


def test_a_trainer_that_cannot_be_started_is_tried_again_later(home: Home) -> None:
    home.role = ("x" * 1_000_000,)
    home.later(300)
    assert home.ended().how is How.DIED
    assert home.scheduler.status().failures == 1
    assert "cannot be started" in str(home.scheduler.status().last_failure)


def test_failures_outlive_the_daemon_and_their_wait_doubles(home: Home) -> None:
    home.train("die", 1)
    home.ended()
    home.scheduler_again()
    home.later(300)
    assert home.scheduler.status().waits == ("after a failed training: 300 s more",)
    assert home.scheduler.status().failures == 1
    home.train("die", 1)
    home.ended()
    home.later(5)
    assert home.scheduler.status().failures == 2
    assert home.scheduler.status().waits == ("after a failed training: 20 min more",)


def test_the_end_of_the_daemon_is_no_failure(home: Home) -> None:
    home.train("step_on")
    home.scheduler.speech(home.seconds)
    home.scheduler.stop()
    assert home.told[-1] == Ended(How.STOPPED)
    home.scheduler.stop()
    home.scheduler_again()
    home.train("learn")
    assert home.ended() == Ended(How.DONE)


def test_a_person_need_not_wait_for_peace(home: Home) -> None:
    home.role = ("step_on",)
    home.examples = 0
    home.device = replace(CALM, load=9.0, on_mains=False, disk_mb=0)
    home.scheduler.tick()
    home.scheduler.ask(Request("base", 2.0))
    home.scheduler.tick()
    assert home.scheduler.status().waits == ("disk: 0 MB free, 200 MB needed",)
    home.scheduler.ask(Request("scratch", 3.0))
    home.device = replace(home.device, disk_mb=9_000)
    home.later(5)
    assert home.requests == [Request("scratch", 3.0)]
    with pytest.raises(TrainingError, match="already running; 'assistant status' shows"):
        home.scheduler.ask(Request())


def test_learning_that_is_switched_off_can_still_be_asked_for(journal: Journal, home: Home) -> None:
    off = Home(journal, personalise={"enabled": False})
    off.later(10_000)
    assert off.scheduler.status().state is State.OFF
    assert off.looks == 0
    off.scheduler.ask(Request())
    off.scheduler.tick()
    home.started += off.started
    assert off.ended() == Ended(How.DONE)
    off.later(10_000)
    assert off.scheduler.status().state is State.OFF
    assert len(off.started) == 1


def test_an_erasure_makes_a_training_due_from_the_base(home: Home) -> None:
    home.examples = 0
    home.journal.remember(RETRAIN_DUE, "erasure")
    home.scheduler.tick()
    status = home.scheduler.status()
    assert (status.due, status.waits) == ("erasure", ("Attune started 0 s ago, 300 s more",))
    home.train("die", 1)
    home.ended()
    home.scheduler_again()  # what failed is still due
    home.later(300)
    assert home.scheduler.status().due == "erasure"
    home.train("learn")
    home.ended()
    assert home.requests == [Request("base"), Request("base")]
    home.later(300)
    assert home.scheduler.status().due is None
    assert home.scheduler.status().waits == ("5 more examples",)


def test_an_erasure_during_a_training_makes_another_one_due(home: Home) -> None:
    home.journal.remember(RETRAIN_DUE, "erasure")
    home.role = ("step_then_judge",)
    home.later(300)
    home.journal.remember(RETRAIN_DUE, "erasure")
    home.ended()
    home.later(300)
    assert len(home.started) == 2


def test_the_log_tells_names_and_values(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "attune.training"):
        home.train("learn")
        home.ended()
    pid = home.started[0].pid
    assert caplog.messages == [
        f"event=started pid={pid} start=current examples=9",
        "event=collected train=8 held_out=2",
        "event=encoded done=10 of=10",
        'event=judged version="from-current" accepted=true why="better" numbers={}',
        'event=ended how="done" why="" last_lines=[]',
    ]


def test_the_log_has_no_word_that_a_trainer_let_slip(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "attune.training"):
        home.train("die", 3)
        home.ended()
    assert "KeyError" in caplog.messages[-1]
    assert SAID not in caplog.text
