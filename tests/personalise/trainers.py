"""Trainers that train nothing: ``python -m tests.personalise.trainers ROLE``.

Each obeys the protocol of a trainer up to the point in which its role is to fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Failed,
    Judged,
    Judging,
    Nothing,
    Stepped,
    to_line,
)

FOREVER_S = 60.0
"""As long as no test takes."""

SAID = "kettle"

TRACE = '  File "reply.py", line 3, in answer'


def trainer(role: str, *arguments: object) -> list[str]:
    """The command that starts one."""
    return [sys.executable, "-m", "tests.personalise.trainers", role, *map(str, arguments)]


def tell(event: Event) -> None:
    sys.stdout.write(to_line(event) + "\n")
    sys.stdout.flush()


def learn(job: dict[str, Any]) -> None:
    """A training without a fault; the version tells what was asked for."""
    tell(Collected(8, 2))
    tell(Encoded(10, 10))
    tell(Stepped(1, 2, 0.5, 0.6, 1.0))
    tell(Judging(1, 2))
    tell(Judged(f"from-{job['request']['start']}", accepted=True, why="better"))


def find_nothing(_job: dict[str, Any]) -> None:
    tell(Nothing("there are too few examples"))


def describe(job: dict[str, Any]) -> None:
    """Writes what it was given into a file, and tells as what it runs."""
    Path(sys.argv[2]).write_text(json.dumps(job), encoding="utf-8")
    about = {
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "idle": os.sched_getscheduler(0) == os.SCHED_IDLE,
        "oom_score_adj": Path("/proc/self/oom_score_adj").read_text(encoding="ascii").strip(),
        "own_group": os.getpgrp() == os.getpid(),
        "session": os.getsid(0),
        "threads": [os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")],
    }
    tell(Nothing(json.dumps(about)))


def step_on(_job: dict[str, Any]) -> None:
    """Steps until it is stopped, which it heeds."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    tell(Collected(8, 2))
    for step in range(1, round(FOREVER_S / 0.01)):
        tell(Stepped(step, 10_000, 0.5, None, 100.0))
        time.sleep(0.01)


def step_then_judge(_job: dict[str, Any]) -> None:
    """Trains for a while that is long enough to be interrupted."""
    for step in range(1, 31):
        tell(Stepped(step, 30, 0.5, None, 1.0))
        time.sleep(0.02)
    tell(Judged("patient", accepted=False, why="no better"))


def be_deaf(_job: dict[str, Any]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(Collected(8, 2))
    time.sleep(FOREVER_S)


def hang(_job: dict[str, Any]) -> None:
    tell(Collected(8, 2))
    time.sleep(FOREVER_S)


def fail(_job: dict[str, Any]) -> None:
    tell(Failed("The encoder is gone."))
    sys.exit(1)


def die(_job: dict[str, Any]) -> None:
    tell(Collected(8, 2))
    sys.stderr.write(f"heard: {SAID}\n{TRACE}\n    answer('{SAID}')\nKeyError: '{SAID}'\n")
    sys.exit(int(sys.argv[2]))


def kill(_job: dict[str, Any]) -> None:
    tell(Collected(8, 2))
    os.kill(os.getpid(), int(sys.argv[2]))


def give_up(_job: dict[str, Any]) -> None:
    """Ends well and says nothing."""


def babble(job: dict[str, Any]) -> None:
    for line in ("hello", "[]", "{}", '{"event": "stepped"}', "\x00", '{"event": ["judged"]}'):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\xff\xfe\n" + b"x" * 200_000 + b"\n")
    sys.stdout.flush()
    learn(job)


def leave_a_child(_job: dict[str, Any]) -> None:
    """Ends while a child of its own still holds its pipes; its first words are the child's pid."""
    child = subprocess.Popen(["sleep", str(FOREVER_S)])
    tell(Nothing(str(child.pid)))


def write(_job: dict[str, Any]) -> None:
    """Holds a write lock, as SQLite takes it, whenever the file ``held`` exists."""
    folder = Path(sys.argv[2])
    with (folder / "locked").open("w") as file:
        while True:
            if (folder / "held").exists():
                fcntl.lockf(file, fcntl.LOCK_EX)
                tell(Stepped(1, 2, 0.5, None, 1.0))
                while (folder / "held").exists():
                    time.sleep(0.002)
                fcntl.lockf(file, fcntl.LOCK_UN)
                tell(Stepped(2, 2, 0.5, None, 1.0))
            time.sleep(0.002)


ROLES: dict[str, Callable[[dict[str, Any]], None]] = {
    role.__name__: role
    for role in (
        learn,
        find_nothing,
        describe,
        step_on,
        step_then_judge,
        be_deaf,
        hang,
        fail,
        die,
        kill,
        give_up,
        babble,
        leave_a_child,
        write,
    )
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](json.load(sys.stdin))
