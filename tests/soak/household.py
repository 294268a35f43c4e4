"""A household whose trainer and daemon are killed at any moment, and what must be left of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import psutil

from assistant import child, composition
from assistant.bridge import checkpoint
from assistant.cli.shared.recordings import whole
from assistant.config import Settings
from assistant.control.client import Client
from assistant.errors import ControlError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.background.trainer_service import TRAINER
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.events import (
    Event,
    Failed,
    Judged,
    Nothing,
    from_line,
)
from assistant.personalise.training.request import Request
from assistant.speak.voice import Mute
from tests.daemon.home import AT_ONCE
from tests.journal.exchanges import record_of
from tests.personalise.pupil import Pupil, settings
from tests.soak.moments import STEPS, Kill, Life, Stage, Victim, place
from tests.sound import SoundServer, synthesise

ROOT = Path(__file__).parents[2]

WAIT_S = 240.0
"""Longest wait of a test that would otherwise never end."""

EXAMPLES = 15

T = TypeVar("T")

EAGER = (
    sys.executable,
    "-c",
    """
from assistant.personalise.__main__ import main
from assistant.personalise.training import trainer
trainer.SAVE_S = -1
exit(main())
""",
)
"""The trainer, keeping its state after every step."""

LENIENT: dict[str, object] = {
    "personalise__enabled": False,  # trains when it is asked
    "personalise__replay": 8,
    "personalise__canaries": 4,
    "personalise__steps": STEPS,
    "personalise__confident_weight": 0,  # what is asked in between must not teach
    "personalise__min_held_out": 1,
    "personalise__gate_level": 1,
    "personalise__least_right": 0,
    "personalise__canary_margin": 1,
}
"""A short training of which much is promoted."""


@dataclass
class Household:
    """A data directory with a simulated speaker's lessons, and the processes that work on it."""

    folder: Path
    sound: SoundServer
    number: int = 0  # of the training: another one is drawn after each verdict
    start: Literal["current", "base"] = "base"
    kept: dict[int, tuple[str | None, str | None]] = field(default_factory=dict)
    steps_kept: int = 0  # which must not be done again

    @property
    def settings(self) -> Settings:
        return settings(
            self.folder,
            **LENIENT,
            **{f"idle__{name}": value for name, value in AT_ONCE.items()},
            personalise__seed=self.number,
            control__path=self.folder / "control.sock",
        )

    @cached_property
    def question(self) -> Path:
        return synthesise("what time is it", self.folder / "question.wav", lead_s=0.3, tail_s=1.5)

    def teach(self, pupil: Pupil) -> None:
        with Journal.open(self.settings.journal) as journal:
            pupil.teach(journal)
            self._keep(journal)

    def train(self, kill: Kill | None = None, *, eager: bool) -> Life:
        """Run the trainer by itself, until it is killed or ends."""
        life = Life()
        with subprocess.Popen(
            EAGER if eager else TRAINER,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            order = {"settings": self.settings.model_dump(mode="json")}
            order["request"] = asdict(Request(self.start))
            json.dump(order, process.stdin)
            process.stdin.close()
            due = kill is not None and kill.at <= (Stage.STARTING, 0)
            while True:
                if due and kill is not None:
                    time.sleep(kill.delay_s)
                    process.kill()
                    kill, due = None, False
                line = process.stdout.readline()
                if not line.endswith("\n"):
                    break
                event = from_line(line)
                life.note(event)
                due = kill is not None and place(event) >= kill.at
            life.status = process.wait()
        assert not isinstance(life.told, Failed), life.told
        self._learn_from(life, eager=eager)
        return life

    def live(self, kill: Kill) -> Life:
        """Run the daemon, let it train, and kill the one or the other."""
        life = Life()
        with self._daemon() as daemon, ExitStack() as owned:
            client = Client(self.settings.control.path)
            events = owned.enter_context(client.events(1.0))
            client.call("retrain", start=self.start, minutes=None)
            trainer = _until(lambda: _trainer_of(daemon.pid))
            told = _before_end(events)
            while life.place < kill.at and (event := next(told, None)) is not None:
                life.note(event)
            if kill.spoken:
                owned.enter_context(self._speaking())
            time.sleep(kill.delay_s)
            with Journal.open(self.settings.journal) as journal:
                self._keep(journal)
            if kill.victim is not Victim.DAEMON:
                with suppress(ProcessLookupError):  # it may just have ended
                    os.kill(trainer, signal.SIGKILL)
            if kill.victim is Victim.TRAINER:
                _until(lambda: client.status().state == "off")
                daemon.terminate()
                assert daemon.wait(WAIT_S) == 0, self._log.read_text(encoding="utf-8")
            else:
                daemon.kill()
                daemon.wait()
            for event in told:
                if not isinstance(event, Failed):  # as it must be of one that was killed
                    life.note(event)
            _until(lambda: _is_gone(trainer))
        self._learn_from(life, eager=False)
        return life

    def check(self) -> str:
        """Everything is whole and a new start answers; gives the version that does.

        Raises:
            AssertionError: if anything is not as it must be.
        """
        wished = self.settings
        database = sqlite3.connect(wished.journal.path)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
        folder = BridgeFolder(wished.bridges)
        folder.repair()
        version = folder.current
        notes: list[str] = []
        with composition.assistant(wished, Mute(), notes.append) as assistant:
            if version is None:
                assert wished.bridge.path is not None
                expected = checkpoint.read(wished.bridge.path).version
            else:
                assert folder.read(version).accepted
                expected = version
            assert notes == []
            assert assistant.bridge is not None
            assert assistant.bridge.version == expected
            turn = assistant.hear(whole(self.question))
            assert (turn.error, turn.bridge) == (None, expected)
            assert turn.reply
        with Journal.open(wished.journal) as journal:
            if version is not None:
                assert record_of(Lineage(journal), version).accepted
            self._keep(journal)
        return expected

    def ask(self) -> dict[str, object]:
        """What the command answers to the question."""
        done = subprocess.run(
            [*child.command("assistant"), "ask", "--json", "--audio", str(self.question)],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        # the constants that make a training short are no settings any more
        assert all("no longer a setting" in line for line in done.stderr.splitlines())
        return json.loads(done.stdout)

    def _keep(self, journal: Journal) -> None:
        """Note every recording and true text, which must be there from now on."""
        before = self.kept
        self.kept = {
            turn.id: (
                hashlib.sha256(journal.flac(turn.id)).hexdigest() if turn.has_audio else None,
                turn.correction,
            )
            for turn in journal.turns()
        }
        assert before.items() <= self.kept.items()

    def _learn_from(self, life: Life, *, eager: bool) -> None:
        """Hold the training to what it has kept; begin another one after a verdict."""
        if life.first_step is not None:
            assert life.first_step >= self.steps_kept
        if life.stage >= Stage.PROMOTING:
            self.steps_kept = 0  # it may have ended, or be about to
        elif eager:
            # the state of a step is kept after it is told
            self.steps_kept = max(self.steps_kept, life.last_step)
        if life.stage is Stage.ENDED:
            self.number += 1

    @property
    def _environment(self) -> dict[str, str]:
        wished = self.settings.model_dump(mode="json", exclude_unset=True)
        wished["control"] = {"path": str(self.settings.control.path)}
        wished["idle"] = AT_ONCE
        wished["speak"] = {"wav_dir": str(self.folder / "replies")}
        return (
            self.sound.env
            | {"HF_HUB_OFFLINE": "1"}
            | {
                f"ATTUNE_{block}__{key}".upper(): str(value)
                for block, values in wished.items()
                for key, value in (values | values.get("tuned", {})).items()
                if key != "tuned"
            }
        )

    @property
    def _log(self) -> Path:
        return self.folder / "daemon.log"

    @contextmanager
    def _daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """A daemon that listens."""
        with self._log.open("wb") as log:
            daemon = subprocess.Popen(
                [*child.command("assistant"), "run"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        try:
            _until(lambda: "Listening" in self._log.read_text() or daemon.poll() is not None)
            assert daemon.poll() is None, self._log.read_text(encoding="utf-8")
            yield daemon
        finally:
            daemon.kill()
            daemon.wait()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """The question is asked into the microphone meanwhile."""
        words = ["paplay", "--device=mouth", str(self.question)]
        with subprocess.Popen(words, env=self.sound.env):
            yield


def live_through(household: Household, kills: Iterable[Kill], *, eager: bool) -> Counter[str]:
    """Kill, check, and so on; in the end a training that is left alone comes to a verdict.

    Gives how often which was killed at what, how many trainings had ended before the kill came,
    how many went on from a kept state, and how many bridges were promoted.
    """
    found: Counter[str] = Counter()
    for kill in kills:
        is_alone = kill.victim is Victim.LONE_TRAINER
        life = household.train(kill, eager=eager) if is_alone else household.live(kill)
        if is_alone and life.status != -signal.SIGKILL:
            found["ended before the kill"] += 1
        else:
            found["kills"] += 1
            found[f"killed: {kill.victim.value}, {life.stage.name.lower()}"] += 1
        found["resumed"] += life.resumed
        household.check()
    life = household.train(eager=eager)
    assert life.status == 0
    assert isinstance(life.told, Judged | Nothing)
    found["resumed"] += life.resumed
    household.check()
    with Journal.open(household.settings.journal) as journal:
        accepted = {record.version for record in Lineage(journal).records() if record.accepted}
    found["promoted"] = len(accepted)
    return found


def _before_end(events: Iterator[Event | None]) -> Iterator[Event]:
    """What is told until the training has ended, or the daemon has."""
    deadline = time.monotonic() + WAIT_S
    try:
        for event in events:
            assert time.monotonic() < deadline
            if event is not None:
                yield event
                if isinstance(event, Judged | Nothing | Failed):
                    return
    except ControlError:
        return


def _trainer_of(daemon: int) -> int | None:
    for each in psutil.Process(daemon).children():
        if "assistant.personalise" in each.cmdline():
            return each.pid
    return None


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _until(happened: Callable[[], T | None]) -> T:
    """What comes of it at last."""
    deadline = time.monotonic() + WAIT_S
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
