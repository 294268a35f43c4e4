from __future__ import annotations

from pathlib import Path

import pytest

from assistant.journal.store import Journal
from assistant.personalise.background.scheduler import State
from assistant.personalise.background.supervisor import Ended, How, Supervisor
from assistant.personalise.training.events import Judged
from tests.personalise.home import Home


def test_speech_stops_the_trainer_before_it_returns(home: Home) -> None:
    home.train("step_on")
    home.seconds += 1
    home.scheduler.speech(home.seconds - 0.03)
    assert home.started[-1].paused
    home.until(lambda: home.still)
    status = home.scheduler.status()
    assert status.state is State.PAUSED
    assert status.paused_after_ms == pytest.approx(30)
    home.scheduler.speech(home.seconds - 0.5)  # stands still already
    assert home.scheduler.status().paused_after_ms == pytest.approx(30)
    home.later(1.99)
    assert home.still
    home.later(0.02)
    assert not home.still
    assert home.scheduler.status().state is State.TRAINING


def test_a_trainer_stays_still_within_the_silence_that_ends_an_utterance(
    journal: Journal, home: Home
) -> None:
    patient = Home(journal, listen={"silence_ms": 5_000})
    patient.train("step_on")
    home.started += patient.started
    patient.scheduler.speech(patient.seconds)
    patient.later(5.4)
    assert patient.scheduler.status().state is State.PAUSED
    patient.later(0.2)
    assert patient.scheduler.status().state is State.TRAINING


def test_a_turn_keeps_the_trainer_still_until_it_ends(home: Home) -> None:
    home.train("step_on")
    home.scheduler.turn_began()
    assert home.still
    for _ in range(5):
        home.later(1_000)
    assert home.still
    home.scheduler.turn_ended()
    home.later(1.9)
    assert home.still
    home.later(0.2)
    assert not home.still


def test_no_training_begins_during_a_turn(home: Home) -> None:
    home.scheduler.turn_began()
    home.later(1_000)
    assert home.scheduler.status().waits == ("a conversation turn is in progress",)


def test_an_interrupted_training_comes_to_its_end(home: Home) -> None:
    home.train("step_then_judge")
    for _ in range(3):
        home.scheduler.speech(home.seconds)
        home.until(lambda: home.still)
        home.later(3)
    assert home.ended() == Ended(How.DONE)
    assert home.told[-2] == Judged("patient", accepted=False, why="no better", numbers={})


def test_speech_while_a_trainer_is_being_started_stops_it(home: Home) -> None:
    class Disturbed(Supervisor):
        def __init__(self, *args: object, **kwargs: object) -> None:
            home.seconds += 0.001
            home.scheduler.speech(home.seconds)
            super().__init__(*args, **kwargs)  # pyright: ignore[reportArgumentType]

    home.kind = Disturbed
    home.role = ("step_on",)
    home.later(300)
    assert home.started[-1].paused


def test_speech_just_before_a_trainer_is_let_go_stops_it_again(home: Home) -> None:
    class Disturbed(Supervisor):
        def resume(self) -> bool:
            if self.paused:
                home.seconds += 0.001
                home.scheduler.speech(home.seconds)
            return super().resume()

    home.kind = Disturbed
    home.train("step_on")
    home.scheduler.turn_began()
    home.scheduler.turn_ended()
    home.later(10)
    assert home.started[-1].paused


def test_a_trainer_stopped_in_the_midst_of_writing_may_finish_it(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "held").touch()
    home.train("write", tmp_path)
    (tmp_path / "held").unlink()
    home.until(lambda: len(home.told) == 2)
    home.scheduler.turn_began()  # one turn that finds it at something else
    home.scheduler.turn_ended()
    (tmp_path / "held").touch()
    home.later(5)
    home.until(lambda: len(home.told) == 3)
    home.scheduler.speech(home.seconds)
    home.until(lambda: home.still)
    assert home.started[-1].writing()
    (tmp_path / "held").unlink()
    home.scheduler.turn_began()
    assert home.started[-1].at_rest()
    assert home.started[-1].paused
    assert not home.started[-1].writing()


def test_a_trainer_that_writes_without_end_delays_no_turn_for_long(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "held").touch()
    home.train("write", tmp_path)
    home.scheduler.turn_began()
    assert home.started[-1].paused
