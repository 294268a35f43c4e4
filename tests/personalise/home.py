"""A home with a scheduler, real trainers and a clock that is moved by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant.config import Settings
from assistant.journal.store import Journal
from assistant.personalise.background.idle import Device
from assistant.personalise.background.scheduler import Scheduler, State
from assistant.personalise.background.supervisor import Ended, Supervisor
from assistant.personalise.training.events import Event
from assistant.personalise.training.request import Request
from tests.personalise.trainers import trainer
from tests.waiting import WAIT_S

ROOT = Path(__file__).parents[2]

CALM = Device(load=0.1, free_mb=9_000, disk_mb=9_000, celsius=45.0, on_mains=True)
NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)


class Home:
    """A scheduler whose clock stands still until it is moved, with real trainers."""

    def __init__(self, journal: Journal, **settings: dict[str, object]) -> None:
        self.journal = journal
        self.settings = Settings.model_validate(settings)
        self.seconds = 1_000.0
        self.role: tuple[object, ...] = ("learn",)
        self.examples = 9
        self.device = CALM
        self.looks = 0
        self.told: list[Event | Ended] = []
        self.started: list[Supervisor] = []
        self.requests: list[Request] = []
        self.kind: type[Supervisor] = Supervisor
        self.scheduler = self.scheduler_again()

    def scheduler_again(self) -> Scheduler:
        """As after a new start of the daemon."""
        self.scheduler = Scheduler(
            self.settings,
            self.journal,
            lambda: self.examples,
            on_event=self.told.append,
            start=self.start,
            look=self.look,
            clock=lambda: self.seconds,
            now=lambda: NOON + timedelta(seconds=self.seconds),
        )
        return self.scheduler

    def start(self, settings: Settings, request: Request) -> Supervisor:
        self.requests.append(request)
        supervisor = self.kind(
            settings,
            request,
            command=trainer(str(self.role[0]), *self.role[1:]),
            clock=lambda: self.seconds,
        )
        self.started.append(supervisor)
        return supervisor

    def look(self, _folder: Path) -> Device:
        self.looks += 1
        return self.device

    def later(self, seconds: float) -> None:
        """Move the clock, then tick once."""
        self.seconds += seconds
        self.scheduler.tick()

    def until(self, happened: Callable[[], object]) -> None:
        """Tick until something has happened."""
        deadline = time.monotonic() + WAIT_S
        while not happened():
            assert time.monotonic() < deadline
            self.scheduler.tick()
            time.sleep(0.002)

    def train(self, *role: object) -> None:
        """Begin a training in peace, and wait for its first words."""
        self.role = role or self.role
        told = len(self.told)
        self.later(300)
        assert self.scheduler.status().state is State.TRAINING
        self.until(lambda: len(self.told) > told)

    def ended(self) -> Ended:
        """Wait for the end of the training under way."""
        self.until(lambda: len(self.ends) == len(self.requests))
        return self.ends[-1]

    @property
    def ends(self) -> list[Ended]:
        return [event for event in self.told if isinstance(event, Ended)]

    @property
    def still(self) -> bool:
        """Whether the newest trainer is stopped."""
        stat = Path(f"/proc/{self.started[-1].pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] == "T"
