"""Moments of a training at which something is killed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, IntEnum

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

STEPS = 30
"""Of a whole training."""


class Stage(IntEnum):
    """How far a training is."""

    STARTING = 0
    HEARING = 1
    TRAINING = 2
    JUDGING = 3
    PROMOTING = 4  # every reply is there
    ENDED = 5


LONGEST_S = {
    Stage.STARTING: 2.0,
    Stage.HEARING: 2.0,
    Stage.TRAINING: 0.2,
    Stage.JUDGING: 0.3,
    Stage.PROMOTING: 0.06,
}
"""Longest wait for the kill after the event that it follows."""

Place = tuple[Stage, int]


def place(event: Event) -> Place:
    """Where a training is that has just told this."""
    match event:
        case Collected():
            return Stage.HEARING, 0
        case Encoded(done):
            return Stage.HEARING, done
        case Stepped(step):
            return Stage.TRAINING, step
        case Judging(done, of):
            return (Stage.JUDGING, done) if done < of else (Stage.PROMOTING, 0)
        case Judged() | Nothing() | Failed():
            return Stage.ENDED, 0


class Victim(str, Enum):
    """What is killed."""

    LONE_TRAINER = "trainer alone"
    TRAINER = "trainer of the daemon"
    DAEMON = "daemon"
    BOTH = "daemon and trainer"


@dataclass(frozen=True, slots=True)
class Kill:
    """Who dies, and when: so long after a training has reached a place."""

    victim: Victim
    at: Place
    delay_s: float
    spoken: bool = False  # somebody speaks from that place on

    @classmethod
    def drawn(cls, rng: random.Random, stage: Stage, victim: Victim, *, spoken: bool) -> Kill:
        """A random moment of a stage."""
        number = {Stage.TRAINING: STEPS, Stage.JUDGING: 20}.get(stage, 0)
        longest_s = 3.0 if spoken else LONGEST_S[stage]
        at = (stage, rng.randint(min(1, number), number))
        return cls(victim, at, rng.uniform(0, longest_s), spoken)


@dataclass(slots=True)
class Life:
    """One training as it was seen from outside."""

    told: Event | None = None
    first_step: int | None = None
    last_step: int = 0
    status: int | None = None

    @property
    def place(self) -> Place:
        """How far it was when it was last heard of."""
        return (Stage.STARTING, 0) if self.told is None else place(self.told)

    @property
    def stage(self) -> Stage:
        return self.place[0]

    @property
    def resumed(self) -> bool:
        """Whether it did not begin with the first step."""
        if self.first_step is None:
            return self.stage in (Stage.JUDGING, Stage.PROMOTING)
        return self.first_step > 1

    def note(self, event: Event) -> None:
        self.told = event
        if isinstance(event, Stepped):
            self.first_step = self.first_step or event.step
            self.last_step = event.step


def drawn(seed: int, count: int) -> list[Kill]:
    """The kills of one household, in the order in which a training comes to them."""
    rng = random.Random(seed)
    stages = [Stage.STARTING, Stage.HEARING, *[Stage.TRAINING, Stage.JUDGING, Stage.PROMOTING] * 3]
    victims = [Victim.LONE_TRAINER] * 9 + [Victim.TRAINER, Victim.DAEMON, Victim.BOTH]
    kills: list[Kill] = []
    for _ in range(count):
        victim = rng.choice(victims)
        spoken = victim is not Victim.LONE_TRAINER and rng.random() < 0.5
        kills.append(Kill.drawn(rng, rng.choice(stages), victim, spoken=spoken))
    # a state that is kept would carry a training past the earlier ones
    return sorted(kills, key=lambda kill: kill.at)
