"""Hours of speech through one service: nothing may grow."""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import pytest
import soundfile

from assistant.config import starter_dir
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from models.recipe.evaluate import utterances
from tests.faults.manager import Manager, managed
from tests.soak.ledger import FOLDER
from tests.soak.replaying import SAID
from tests.sound import silent_environment

SERVICE = (sys.executable, "-m", "tests.soak.replaying", "run", "--service", "--json")

LESSONS = 14
"""Exchanges that a person confirms, so that there is something to train on."""


@dataclass(frozen=True)
class Course:
    """How much is said."""

    recordings: int
    turns: int  # at least; some recordings are heard as no speech, or as one with the next
    warm: int  # turns after which nothing may grow any more
    break_every: int  # turns between two breaks
    growth: float  # of memory, at most


SHORT = Course(recordings=34, turns=30, warm=20, break_every=18, growth=1.25)  # one training within
LONG = Course(recordings=3_000, turns=2_000, warm=400, break_every=150, growth=1.05)


@dataclass(frozen=True)
class Footprint:
    """What the service takes at one moment."""

    turns: int
    minutes: float
    rss_mb: float
    descriptors: int
    threads: int


@pytest.mark.parametrize(
    "course", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)], ids=["short", "long"]
)
def test_nothing_grows(course: Course, tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    speech.mkdir()
    seconds = 0.0
    said = utterances(60, seed=99)
    for number, (utterance, _) in enumerate(said):
        soundfile.write(speech / f"{number:03}.wav", utterance.samples, 16_000)
        seconds += utterance.seconds
    environment = silent_environment(tmp_path / "home") | {
        "REPLAY_FOLDER": str(speech),
        "ATTUNE_ENCODE__PATH": str(starter_dir() / "encoder"),  # with letters, which are learned
        "REPLAY_COUNT": str(course.recordings),
        "REPLAY_BREAK": str(course.break_every),
        "ATTUNE_SPEAK__WAV_DIR": str(tmp_path / "replies"),
        "ATTUNE_LISTEN__HOLD_OFF_MS": "0",
        "ATTUNE_PERSONALISE__ENABLED": "true",
        "ATTUNE_IDLE__QUIET_S": "5",
        "ATTUNE_IDLE__MIN_NEW": "1",
        "ATTUNE_IDLE__MAX_LOAD": "1000",
        "ATTUNE_IDLE__MAX_CELSIUS": "1000",
        "ATTUNE_PERSONALISE__REPLAY": "24",
        "ATTUNE_PERSONALISE__CANARIES": "8",
        "ATTUNE_PERSONALISE__STEPS": "60",
    }
    with managed(tmp_path / "house", environment, SERVICE) as service:
        seen = list(footprints(service, course, speech / SAID))
        service.until(lambda: trainings(service.database), "a training")
        seen.append(rest(service, seen[-1].turns, seen[-1].minutes))
        assert service.statuses == []
    settled = [each for each in seen if each.turns >= course.warm]
    first, last = settled[0], settled[-1]
    report = {
        "speech_hours": round(seconds * course.recordings / len(said) / 3_600, 2),
        "trainings": trainings(service.database),
        "rss_growth": round(last.rss_mb / first.rss_mb, 3),
        "seen": [asdict(each) for each in seen],
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"hours-{course.turns}.json").write_text(json.dumps(report), encoding="utf-8")
    assert last.turns >= course.turns
    assert last.rss_mb <= first.rss_mb * course.growth
    assert last.descriptors <= first.descriptors
    assert last.threads <= first.threads


def trainings(database: Path) -> int:
    """How many trainings have come to an end."""
    with Journal(database) as journal:
        return len(Lineage(journal).records())


def exchanges(service: Manager, all_said: Path) -> Iterator[int]:
    """The number of each exchange, until there are no more."""
    answered, waited = 0, 0
    while not (all_said.exists() and waited):
        if another(service):
            answered, waited = answered + 1, 0
            yield answered
        else:
            waited += 1
            assert waited < 60, f"no exchange for minutes after {answered}"


def another(service: Manager) -> bool:
    """Whether there is another exchange within a while."""
    try:
        service.exchanges.get(timeout=5)
    except queue.Empty:
        return False
    return True


def footprints(service: Manager, course: Course, all_said: Path) -> Iterator[Footprint]:
    """What the service takes, now and then and at the end of all recordings."""
    began = time.monotonic()
    for answered in exchanges(service, all_said):
        if answered % course.break_every == LESSONS:
            for exchange in service.client.log(LESSONS):
                if exchange["transcript"]:
                    service.client.confirm(exchange["id"])
        if answered % max(1, course.turns // 40) == 0:
            yield footprint(service, answered, (time.monotonic() - began) / 60)


def rest(service: Manager, turns: int, minutes: float) -> Footprint:
    """What the service takes with no training under way, which is a process and a thread more."""
    while True:
        service.until(lambda: service.client.status().state == "waiting", "the end of a training")
        taken = footprint(service, turns, minutes)
        if service.client.status().state == "waiting":
            return taken


def footprint(service: Manager, turns: int, minutes: float) -> Footprint:
    """What the service takes now: the least of several looks.

    A call of this test has a connection and a thread there, which end a little after its answer.
    """
    process = psutil.Process(service.pid)
    looks: list[tuple[int, int]] = []
    for _ in range(10):
        looks.append((process.num_fds(), process.num_threads()))
        time.sleep(0.05)
    return Footprint(
        turns,
        round(minutes, 2),
        round(process.memory_info().rss / 1e6, 1),
        min(descriptors for descriptors, _ in looks),
        min(threads for _, threads in looks),
    )
