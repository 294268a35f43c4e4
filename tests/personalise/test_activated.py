from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.personalise.background import activated as remote
from assistant.personalise.background.supervisor import Ended, How, Supervisor
from assistant.personalise.training.events import Nothing
from assistant.personalise.training.request import Request
from tests.personalise.activation import activated
from tests.personalise.supervising import run
from tests.personalise.trainers import trainer
from tests.waiting import until

ROOT = Path(__file__).parents[2]

DAEMON = """
import sys, time
from assistant.config import Settings
from assistant.personalise.training.request import Request
from assistant.personalise.background.supervisor import Supervisor

settings = Settings.model_validate({"personalise": {"socket": sys.argv[1]}})
supervisor = Supervisor(settings, Request())
while not list(supervisor.events()):
    time.sleep(0.01)
supervisor.pause()
while not supervisor.at_rest():
    time.sleep(0.01)
print(supervisor.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trainer.sock"


def settings(path: Path, **blocks: dict[str, object]) -> Settings:
    blocks.setdefault("personalise", {})["socket"] = path
    return Settings.model_validate(blocks)


def test_the_trainer_is_told_all_settings_and_is_no_child(path: Path, tmp_path: Path) -> None:
    told = settings(
        path,
        personalise={"threads": 3},
        generate={"instruction": "more than a socket holds " * 40_000},
    )
    job = tmp_path / "job.json"
    with activated(path, trainer("describe", job)):
        supervisor = Supervisor(told, Request("base", 2.5))
        assert supervisor.pid not in {child.pid for child in psutil.Process().children()}
        [event], ended = run(supervisor)
    assert ended == Ended(How.DONE)
    order = json.loads(job.read_text(encoding="utf-8"))
    assert Settings.model_validate(order["settings"]) == told
    assert order["request"] == {"start": "base", "minutes": 2.5}
    assert "daemon" not in order  # which is not its parent
    assert isinstance(event, Nothing)
    assert json.loads(event.why)["threads"] == ["3", "3"]


def test_a_training_leaves_no_file_open(path: Path) -> None:
    with activated(path, trainer("learn")):
        before = psutil.Process().num_fds()
        for _ in range(3):
            assert run(Supervisor(settings(path), Request()))[1] == Ended(How.DONE)
        assert psutil.Process().num_fds() == before


def test_where_nobody_starts_trainers_that_is_told(path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at .*trainer\.sock: No such file .*try again later"):
        Supervisor(settings(path), Request())


def test_a_manager_that_cannot_start_one_is_told(path: Path) -> None:
    with (
        activated(path, ["/no/such/trainer"]),
        pytest.raises(TrainingError, match="it ended at once"),
    ):
        Supervisor(settings(path), Request())


def test_a_manager_that_does_not_answer_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "START_S", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(TrainingError, match="timed out"):
            Supervisor(settings(path), Request())


def test_a_trainer_whose_steward_is_killed_is_killed_too(path: Path) -> None:
    with activated(path, trainer("step_on")):
        supervisor = Supervisor(settings(path), Request())
        process = psutil.Process(supervisor.pid)
        os.kill(process.ppid(), signal.SIGKILL)
        assert run(supervisor)[1] == Ended(
            How.DIED, "it was killed, probably because memory ran out"
        )
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_paused_trainer_whose_daemon_is_killed_keeps_its_state_and_ends(path: Path) -> None:
    with (
        activated(path, trainer("step_on")),
        subprocess.Popen(
            [sys.executable, "-c", DAEMON, path], stdout=subprocess.PIPE, text=True
        ) as daemon,
    ):
        assert daemon.stdout is not None
        process = psutil.Process(int(daemon.stdout.readline()))
        steward = process.parent()
        assert steward is not None
        assert process.status() == psutil.STATUS_STOPPED
        daemon.kill()
        for each in (process, steward):
            until(lambda each=each: not each.is_running() or each.status() == "zombie")
