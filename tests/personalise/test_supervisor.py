from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.personalise.background.supervisor import Ended, How, Supervisor
from assistant.personalise.training.events import Collected, Event, Judged, Nothing, Stepped
from assistant.personalise.training.request import Request
from tests.personalise.activation import activated
from tests.personalise.supervising import run
from tests.personalise.trainers import TRACE, trainer
from tests.waiting import WAIT_S, until

ROOT = Path(__file__).parents[2]

PARENT = """
import sys, time
from assistant.config import Settings
from assistant.personalise.training.request import Request
from assistant.personalise.background.supervisor import Supervisor
from tests.personalise.trainers import trainer

supervisor = Supervisor(Settings.model_validate({}), Request(), command=trainer("step_on"))
while not list(supervisor.events()):
    time.sleep(0.01)
supervisor.pause()
while not supervisor.at_rest():
    time.sleep(0.01)
print(supervisor.pid, flush=True)
time.sleep(60)
"""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


Start = Callable[..., Supervisor]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def start_child() -> Iterator[Start]:
    """Starts trainers of a role as children, which do not outlive the test."""
    started: list[Supervisor] = []

    def start(
        *role: object,
        settings: Settings | None = None,
        request: Request | None = None,
        program: list[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Supervisor:
        supervisor = Supervisor(
            settings or Settings.model_validate({}),
            request or Request(),
            command=program or trainer(str(role[0]), *role[1:]),
            clock=clock,
        )
        started.append(supervisor)
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop(0.0)


@pytest.fixture
def start_remote(tmp_path: Path) -> Iterator[Start]:
    """Starts trainers of a role through a service manager."""
    started: list[Supervisor] = []
    settings = Settings.model_validate({"personalise": {"socket": tmp_path / "trainer.sock"}})
    with ExitStack() as managers:

        def start(
            *role: object,
            request: Request | None = None,
            clock: Callable[[], float] = time.monotonic,
        ) -> Supervisor:
            command = trainer(str(role[0]), *role[1:])
            managers.enter_context(activated(tmp_path / "trainer.sock", command))
            supervisor = Supervisor(settings, request or Request(), clock=clock)
            started.append(supervisor)
            return supervisor

        yield start
        for supervisor in started:
            supervisor.stop(0.0)


@pytest.fixture(params=["start_child", "start_remote"])
def start(request: pytest.FixtureRequest) -> Start:
    """Starts trainers of a role in either way."""
    start: Start = request.getfixturevalue(request.param)
    return start


def first_words(supervisor: Supervisor) -> list[Event]:
    told: list[Event] = []
    until(lambda: told.extend(supervisor.events()) or told)
    return told


def state(pid: int) -> str:
    """One letter: R running, S sleeping, T stopped, Z ended and not yet waited for."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0]


def test_a_training_is_followed_to_its_end(start: Start) -> None:
    events, ended = run(start("learn", request=Request("scratch")))
    assert [type(event).__name__ for event in events] == (
        "Collected Encoded Stepped Judging Judged".split()
    )
    assert events[-1] == Judged("from-scratch", accepted=True, why="better", numbers={})
    assert ended == Ended(How.DONE)


def test_a_child_is_told_all_settings_and_runs_with_the_lowest_priority(
    start_child: Start, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"personalise": {"threads": 3}, "generate": {"instruction": "more than a pipe " * 10_000}}
    )
    path = tmp_path / "job.json"
    supervisor = start_child("describe", path, settings=settings, request=Request("base", 2.5))
    events, _ended = run(supervisor)
    job = json.loads(path.read_text(encoding="utf-8"))
    assert Settings.model_validate(job["settings"]) == settings
    assert job["request"] == {"start": "base", "minutes": 2.5}
    assert isinstance(events[0], Nothing)
    about = json.loads(events[0].why)
    assert about["nice"] == 19
    assert about["idle"]
    assert about["oom_score_adj"] == "1000"
    assert about["own_group"]
    assert about["session"] == os.getsid(0)
    assert about["threads"] == ["3", "3"]


def test_a_pause_stops_the_trainer_until_it_is_let_go(start: Start) -> None:
    supervisor = start("step_on")
    first_words(supervisor)
    assert supervisor.pause()
    until(supervisor.at_rest)
    assert state(supervisor.pid) == "T"
    assert supervisor.paused
    assert not supervisor.pause()
    until(lambda: not list(supervisor.events()))
    time.sleep(0.1)  # ten steps' time
    assert list(supervisor.events()) == []
    assert supervisor.resume()
    assert not supervisor.resume()
    assert not supervisor.paused
    assert first_words(supervisor)


def test_many_threads_may_pause_at_once(start: Start) -> None:
    supervisor = start("step_on")
    first_words(supervisor)
    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            stopped = list(threads.map(lambda _: supervisor.pause(), range(8)))
        assert sorted(stopped) == [False] * 7 + [True]
        assert supervisor.resume()


@pytest.mark.parametrize("paused", [False, True])
def test_a_stop_lets_the_trainer_keep_its_state(start: Start, *, paused: bool) -> None:
    supervisor = start("step_on")
    first_words(supervisor)
    if paused:
        supervisor.pause()
        until(supervisor.at_rest)
    assert supervisor.stop() == Ended(How.STOPPED)
    assert supervisor.stop() == Ended(How.STOPPED)
    assert not supervisor.pause()


def test_a_trainer_that_does_not_heed_a_stop_is_killed(start: Start) -> None:
    supervisor = start("be_deaf")
    first_words(supervisor)
    assert supervisor.stop(0.05) == Ended(How.STOPPED, "it had to be killed")


@pytest.mark.parametrize(
    ("role", "why"),
    [
        (("die", 3), "it ended with status 3"),
        (("die", 75), "another program asked it to stop"),
        (("kill", int(signal.SIGKILL)), "it was killed, probably because memory ran out"),
        (("kill", int(signal.SIGTERM)), "another program asked it to stop"),
        (("kill", int(signal.SIGUSR1)), "it was killed by signal 10 (User defined signal 1)"),
        (("kill", 40), "it was killed by signal 40 (Real-time signal 6)"),
    ],
)
def test_a_death_is_told_with_its_cause(start: Start, role: tuple[object, ...], why: str) -> None:
    events, ended = run(start(*role))
    assert events == [Collected(8, 2)]
    assert (ended.how, ended.why) == (How.DIED, why)
    assert ended.last_lines == ((TRACE, "KeyError") if role[0] == "die" else ())


def test_a_trainer_killed_while_it_is_paused_has_died(start: Start) -> None:
    supervisor = start("step_on")
    first_words(supervisor)
    supervisor.pause()
    os.kill(supervisor.pid, signal.SIGKILL)
    _events, ended = run(supervisor)
    assert ended == Ended(How.DIED, "it was killed, probably because memory ran out")
    assert not supervisor.pause()


def test_silence_is_taken_for_a_hang_but_a_pause_is_not(start: Start) -> None:
    clock = Clock()
    supervisor = start("hang", clock=clock)
    first_words(supervisor)
    clock.now += 100
    assert supervisor.poll() is None
    supervisor.pause()
    clock.now += 1_000
    assert supervisor.poll() is None
    supervisor.resume()
    clock.now += 79
    assert supervisor.poll() is None
    assert supervisor.pause()  # which a trainer that is being killed refuses
    supervisor.resume()
    clock.now += 1
    _events, ended = run(supervisor)
    assert ended == Ended(How.HUNG, "it reported nothing for 180 s")


def test_nonsense_is_logged_and_passed_over(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    events, ended = run(start("babble"))
    assert isinstance(events[-1], Judged)
    assert len(events) == 5
    assert ended.how is How.DONE
    assert len(caplog.messages) >= 8
    assert all(message.startswith("event=nonsense") for message in caplog.messages)
    assert not any("hello" in message for message in caplog.messages)


def test_a_child_left_behind_does_not_hide_the_end(start: Start) -> None:
    supervisor = start("leave_a_child")
    ([event], ended) = run(supervisor)
    assert ended == Ended(How.DONE)
    assert isinstance(event, Nothing)
    os.kill(int(event.why), signal.SIGTERM)  # closes the pipes that it held
    for reader in supervisor._readers:
        reader.join(WAIT_S)


def test_a_trainer_that_cannot_be_started_is_told() -> None:
    too_long = trainer("x" * 1_000_000)
    with pytest.raises(TrainingError, match=r"cannot be started: .*Attune will try again later"):
        Supervisor(Settings.model_validate({}), Request(), command=too_long)


def test_a_program_that_is_not_there_has_died(start_child: Start) -> None:
    _events, ended = run(start_child("learn", program=["/no/such/trainer"]))
    assert (ended.how, ended.why) == (How.DIED, "it ended with status 1")
    assert ended.last_lines[-1] == "FileNotFoundError"


def test_a_write_lock_is_seen_while_it_is_held(start: Start, tmp_path: Path) -> None:
    supervisor = start("write", tmp_path)
    (tmp_path / "held").touch()
    assert first_words(supervisor) == [Stepped(1, 2, 0.5, None, 1.0)]
    assert supervisor.writing()
    (tmp_path / "held").unlink()
    first_words(supervisor)
    assert not supervisor.writing()


def test_a_paused_trainer_does_not_outlive_a_daemon_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert state(pid) == "T"
        parent.kill()
    until(lambda: not Path(f"/proc/{pid}").exists() or state(pid) == "Z")
