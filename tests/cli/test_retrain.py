from __future__ import annotations

import argparse
import io
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from assistant.cli import retrain
from assistant.cli.shared.training import LINE_S, STOPPED, Bar, Lines, detail
from assistant.config import load
from assistant.control.messages import Status
from assistant.control.methods import Start
from assistant.control.server import Server
from assistant.errors import ControlError, TrainingError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Failed,
    Judged,
    Judging,
    Nothing,
    Stepped,
)
from assistant.personalise.training.request import Request
from tests.cli.house import ROOT, TIMEOUT_S, House, command
from tests.control.knowing import Knowing
from tests.journal.exchanges import STARTED_AT, utterance

NUMBERS = {
    "held_out": 12.0,
    "canaries": 40.0,
    "transcript_rouge1": 0.31,
    "transcript_right": 0.25,
    "transcript_word_error": 0.55,
    "before_rouge1": 0.42,
    "before_right": 0.25,
    "before_word_error": 0.5,
    "after_rouge1": 0.71,
    "after_right": 0.75,
    "gain": 0.26,
    "gain_at_least": 0.11,
    "gain_p": 0.01,
    "after_word_error": 0.24,
    "canary_before_rouge1": 0.9,
    "canary_before_right": 0.5,
    "canary_after_right": 0.51,
    "canary_before_word_error": 0.1,
    "canary_after_rouge1": 0.91,
    "canary_after_word_error": 0.09,
}
ACCEPTED = Judged("1a2b3c", accepted=True, why="replies got better", numbers=NUMBERS)
TRAINING = (
    Collected(10, 3),
    Encoded(13, 13),
    Stepped(1, 2, 0.5, 0.75, 61.0),
    Stepped(2, 2, 0.25, 0.5, 0.0),
    Judging(9, 9),
)


class Training(Knowing):
    """A daemon that trains as the test says when it is asked to."""

    def __init__(
        self,
        server: Server,
        events: Sequence[Event],
        state: dict[str, Any] | None = None,
        refusal: str | None = None,
    ) -> None:
        super().__init__(refusal=refusal)
        self.server = server
        self.events = events
        self.state = state or {}
        self.looked = threading.Event()

    @property
    def asked(self) -> list[Request]:
        return [request for _, request in self.done]

    def status(self) -> Status:
        self.looked.set()
        return Status.model_validate({"pid": 1, "bridge": None, "state": "training"} | self.state)

    def retrain(self, start: Start = "current", minutes: float | None = None) -> None:
        super().retrain(start, minutes)
        threading.Thread(target=self._train).start()

    def _train(self) -> None:
        if self.state:  # somebody has to look at it first
            assert self.looked.wait(TIMEOUT_S)
        for event in self.events:
            self.server.publish(event)


@dataclass
class Command:
    """The command in this process, with settings of its own."""

    folder: Path
    settings: dict[str, str]
    steps: int = 5

    @property
    def environment(self) -> dict[str, str]:
        return self.settings | {
            "ATTUNE_CONTROL__PATH": str(self.folder / "control.sock"),
            "ATTUNE_JOURNAL__PATH": str(self.folder / "data" / "journal.db"),
            "ATTUNE_PERSONALISE__MEMORY_MB": "16000",  # this process holds other tests' models, too
            "ATTUNE_BRIDGE__PATH": "",
            "ATTUNE_ROUTE": "auto",
            "ATTUNE_PERSONALISE__REPLAY": "0",
            "ATTUNE_PERSONALISE__CANARIES": "0",
            "ATTUNE_PERSONALISE__STEPS": str(self.steps),
            "ATTUNE_PERSONALISE__HELD_OUT": "0.4",
        }

    def __call__(self, *words: str) -> int:
        parser = argparse.ArgumentParser()
        retrain.register(parser.add_subparsers())
        args = parser.parse_args(["retrain", *words])
        loaded = load(environ=self.environment, files=())
        return args.run(args, loaded.settings, loaded)

    def enrol(self) -> None:
        with Journal(self.folder / "data" / "journal.db") as journal:
            for number in range(20):
                moment = STARTED_AT + timedelta(minutes=number)
                said = utterance(0.3, seed=number, started_at=moment)
                journal.enrolled(said, "good morning", Taught.ENROLLED)


@pytest.fixture
def run(house: House, tmp_path: Path) -> Command:
    return Command(tmp_path, house.settings)


@pytest.fixture
def daemon(run: Command) -> Iterator[Callable[..., Training]]:
    with Server(run.folder / "control.sock") as server:

        def daemon(*events: Event, **changes: Any) -> Training:
            training = Training(server, events, **changes)
            server.serve(training)
            return training

        yield daemon


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_the_daemon_is_asked(
    run: Command, daemon: Callable[..., Training], capsys: pytest.CaptureFixture[str]
) -> None:
    training = daemon()
    assert run() == 0
    assert run("--from", "base", "--minutes", "2.5") == 0
    assert training.asked == [Request("current"), Request("base", 2.5)]
    assert (
        lines(capsys)
        == ["Attune will train as soon as it is idle. 'assistant status' shows the progress."] * 2
    )


def test_the_verdict_is_waited_for(
    run: Command, daemon: Callable[..., Training], capsys: pytest.CaptureFixture[str]
) -> None:
    training = daemon(Judged("old", accepted=False, why="an earlier one"), *TRAINING, ACCEPTED)
    assert run("--wait", "--from", "scratch", "--verbose") == 0
    assert training.asked == [Request("scratch")]
    assert lines(capsys) == [
        "Sentences to learn from: 10; kept as a test: 3.",
        "Listening: 13 of 13",
        "Training: 1 of 2, loss 0.500, in the test 0.750, 1:01 left",
        "Training: 2 of 2, loss 0.250, in the test 0.500, 0:00 left",
        "Judging: 9 of 9",
        "Learned, and used from now on: version 1a2b3c. Replies got better.",
        "ON HELD-OUT SPEECH                                  BEFORE  AFTER  TRANSCRIPT",
        "sentences with every word right                     0.25    0.75   0.25",
        "wrong words per word said                           0.50    0.24   0.55",
        "replies as to the true text (ROUGE-1)               0.42    0.71   0.31",
        "common talk: sentences with every word right        0.50    0.51",
        "common talk: wrong words per word said              0.10    0.09",
        "common talk: replies as to the true text (ROUGE-1)  0.90    0.91",
        "fewer wrong words                                           0.26",
        "at least                                                    0.11",
        "by chance                                                   0.01",
    ]


def test_what_was_measured_is_told_only_when_asked(
    run: Command, daemon: Callable[..., Training], capsys: pytest.CaptureFixture[str]
) -> None:
    daemon(*TRAINING, ACCEPTED)
    assert run("--wait") == 0
    assert lines(capsys)[-1] == (
        "Learned, and used from now on: version 1a2b3c. Replies got better."
    )


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            Judged("1a2b3c", accepted=False, why="replies are not better"),
            "Not good enough yet, so nothing changes. Replies are not better.",
        ),
        (Nothing("There are no examples yet."), "Nothing was trained. There are no examples yet."),
    ],
)
def test_a_training_that_changes_nothing_is_no_failure(
    outcome: Event,
    said: str,
    run: Command,
    daemon: Callable[..., Training],
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon(Collected(1, 1), outcome)
    assert run("--wait") == 0
    assert said in lines(capsys)


def test_a_training_that_fails_is_a_failure(run: Command, daemon: Callable[..., Training]) -> None:
    daemon(Collected(1, 1), Failed("it was killed"))
    with pytest.raises(TrainingError, match="The training failed: it was killed"):
        run("--wait")


@pytest.mark.parametrize("words", [(), ("--wait",)])
def test_a_refusal_is_told(
    words: tuple[str, ...], run: Command, daemon: Callable[..., Training]
) -> None:
    daemon(refusal="A training is already running.")
    with pytest.raises(ControlError, match="A training is already running"):
        run(*words)


def test_what_is_waited_for_is_told(
    run: Command, daemon: Callable[..., Training], capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"state": "waiting", "waits": ["a conversation turn is in progress", "disk: 3 MB free"]}
    daemon(*TRAINING, ACCEPTED, state=state)
    assert run("--wait") == 0
    assert lines(capsys)[0] == "Waiting: a conversation turn is in progress; disk: 3 MB free."


def test_without_a_daemon_the_training_is_done_here(
    run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run.enrol()
    assert run("--from", "scratch") == 0
    told = lines(capsys)
    assert told[0].startswith("Sentences to learn from: ")
    assert any(line.startswith("Training: 5 of 5, loss ") for line in told)
    assert any(line.startswith("Not good enough yet, so nothing changes. ") for line in told)
    assert not any(line.startswith("common talk") for line in told)
    with Journal(run.folder / "data" / "journal.db") as journal:
        (record,) = Lineage(journal).records()
    assert record.accepted is False


def test_nothing_to_learn_from_is_told(run: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert lines(capsys)[-1].startswith("Nothing was trained. There are no examples yet.")


@pytest.mark.parametrize("words", [("--minutes", "0"), ("--minutes", "inf"), ("--minutes", "x")])
def test_minutes_must_be_some(
    words: tuple[str, ...], run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(*words)
    assert "is not a number of minutes above 0" in capsys.readouterr().err


def test_a_training_that_is_stopped_goes_on_where_it_was(
    run: Command, house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    run.enrol()
    run.steps = 1_000_000
    with started("retrain", environment=house.environment | run.environment) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("Training: "))
        process.send_signal(signal.SIGTERM)
        *_, last = process.stdout
    assert last == "Stopped. 'assistant retrain' resumes this training.\n"
    assert process.returncode == STOPPED
    assert run("--minutes", "0.00001") == 0
    first = next(line for line in lines(capsys) if line.startswith("Training: "))
    assert int(first.split()[1]) > 1


def test_ctrl_c_leaves_the_daemon_to_it(
    run: Command, house: House, daemon: Callable[..., Training]
) -> None:
    daemon(Collected(1, 1))
    environment = house.environment | run.environment
    with started("retrain", "--wait", environment=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("Sentences to learn from: 1")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().startswith("The training continues.")
    assert process.returncode == 130


def test_lines_come_at_the_ends_of_a_stage_and_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    shown = Lines(lambda: now)
    for step in range(1, 101):
        shown.event(Stepped(step, 100, 1.0, None, float("inf")))
        now += LINE_S / 40
    for done in (1, 2, 3):
        shown.event(Judging(done, 3))
    shown.note("Waiting: disk.")
    shown.note("Waiting: disk.")
    assert lines(capsys) == [
        "Training: 1 of 100, loss 1.000",
        "Training: 41 of 100, loss 1.000",
        "Training: 81 of 100, loss 1.000",
        "Training: 100 of 100, loss 1.000",
        "Judging: 1 of 3",
        "Judging: 3 of 3",
        "Waiting: disk.",
    ]


def test_a_bar_shows_every_stage() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    columns = ("{task.description}", "{task.completed}/{task.total}", "{task.fields[detail]}")
    name, count, rest = map(TextColumn, columns)
    with Progress(name, BarColumn(), count, rest, console=console, auto_refresh=False) as progress:
        shown = Bar(progress)
        for event in (*TRAINING, ACCEPTED):
            shown.event(event)
        shown.note("Paused [while] somebody speaks.")
        shown.note("Paused [while] somebody speaks.")
        tasks = [(task.description, task.completed, task.total) for task in progress.tasks]
        progress.refresh()
    assert tasks == [("Listening", 13, 13), ("Training", 2, 2), ("Judging", 9, 9)]
    drawn = screen.getvalue()
    assert "Sentences to learn from: 10; kept as a test: 3." in drawn
    assert detail(TRAINING[3]) in drawn  # pyright: ignore[reportArgumentType]
    assert drawn.count("Paused [while] somebody speaks.") == 1


def started(*words: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*words),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
