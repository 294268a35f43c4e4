"""A household's bell by itself, with clocks from a file: ``-m tests.soak.keeper FOLDER LIFE``.

It appends to a file what it says and what it promises, prints a line before it says something or
changes anything, and may be killed at any moment.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict

from assistant.config import HouseholdSettings
from assistant.daemon.bell import Bell
from assistant.household.agenda import How, Kind
from assistant.household.household import Household
from assistant.journal.store import Journal
from tests.household.device import Device

EVERY_S = 45.0
"""Simulated seconds between two looks."""

ANSWERED = 23
"""Looks between two answers of the user."""


class Wish(TypedDict):
    """Something to keep: a timer with its length, or a time on the wall, perhaps repeated."""

    kind: str
    name: str
    at: str
    seconds: float
    days: list[int]


def load(folder: Path) -> Device:
    """The clocks as they were left."""
    found = json.loads((folder / "clock.json").read_text("utf-8"))
    return Device(**found | {"shows": datetime.fromisoformat(found["shows"])})


def save(folder: Path, device: Device) -> None:
    """Keep the clocks; a kill in between leaves the earlier ones."""
    text = json.dumps(asdict(device) | {"shows": device.shows.isoformat()})
    part = folder / "clock.part"
    part.write_text(text, "utf-8")
    part.replace(folder / "clock.json")


@dataclass
class Keeper:
    """One life of the process."""

    folder: Path
    life: int
    household: Household
    device: Device

    def __post_init__(self) -> None:
        self.witness = os.open(
            self.folder / "witness.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        )
        settings = HouseholdSettings.model_validate({})
        self.bell = Bell(self.household, settings, self.say, lambda: self.device.boot_s)

    def tell(self, **what: object) -> None:
        """What counts as said or promised, whatever happens next."""
        os.write(self.witness, (json.dumps({"life": self.life, **what}) + "\n").encode())

    def say(self, text: str) -> None:
        show("says")
        rings = [
            ring.id for ring in self.household.agenda.rings() if (ring.name or "alarm") in text
        ]
        self.tell(said=text, rings=rings, at=self.device.shows.isoformat(), s=self.device.boot_s)

    def live(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            show("keeps")
            self.keep(wish)
            self.tell(added=wish["name"])
        look = 0
        while True:
            self.bell.idle(quiet=True)
            look += 1
            if look % ANSWERED == 0:
                self.answer(snooze=look % (3 * ANSWERED) == 0)
            self.device.wait(seconds=EVERY_S)
            save(self.folder, self.device)

    def keep(self, wish: Wish) -> None:
        agenda, device = self.household.agenda, self.device
        if wish["kind"] == Kind.TIMER:
            agenda.start_timer(timedelta(seconds=wish["seconds"]), wish["name"], device.moment)
        else:
            at, kind = device.local(wish["at"]), Kind(wish["kind"])
            agenda.add(kind, wish["name"], at, device.moment, wish["days"])

    def answer(self, *, snooze: bool) -> None:
        agenda, moment = self.household.agenda, self.device.moment
        if rings := agenda.rings():
            show("answers")
            if snooze:
                agenda.snooze(rings, timedelta(minutes=10), moment)
            else:
                agenda.end(rings, How.DONE, moment)
            self.tell(ended=[ring.id for ring in rings])


def show(word: str) -> None:
    """Tell whoever kills what comes next."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(folder: Path, life: int) -> None:
    """Live until killed."""
    device = load(folder)
    with Journal(folder / "journal.db") as journal:
        keeper = Keeper(folder, life, Household.of(journal, look=device.look), device)
        show("ready")
        wishes: list[Wish] = json.loads(sys.stdin.readline())
        keeper.live(wishes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
