"""The service with recordings in place of a microphone, faster than they were spoken.

``assistant.daemon.microphone`` starts this as the microphone's process: it says the recordings of
the folder named by ``REPLAY_FOLDER`` in turn, ``REPLAY_COUNT`` times in all. It waits after each
until that has been answered, so that a slow machine does not take the next one for the rest of it,
and longer after every ``REPLAY_BREAK``, for a training to find room.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from assistant.cli import main
from assistant.config import ListenSettings
from assistant.daemon import runtime
from assistant.daemon.microphone import MicrophoneSupervisor
from assistant.listen.frame_pipe import packed
from assistant.listen.recordings import Pace, frames
from assistant.values import FRAME_SAMPLES, AudioFrame

PAUSE_S = 0.5
"""Silence after a recording, for the endpointer."""

ANSWERED_S = 5.0
"""Longest silence: some recordings are heard as no speech, or as one with the next."""

BREAK_S = 20.0

SAID = "all-said"
"""File in the folder of recordings that is there once all of them have been said."""

SLOWEST_S = 0.001
"""Between two frames, so that the daemon need not hold all in its pipe: 20 times real time."""


def replaying(settings: ListenSettings, tell: Callable[[str], None]) -> MicrophoneSupervisor:
    """MicrophoneSupervisor that hear the recordings."""
    return MicrophoneSupervisor(
        settings, tell, command=(sys.executable, "-m", "tests.soak.replaying", "replay")
    )


def replay(folder: Path, count: int, break_every: int) -> None:
    """Say recordings as the microphone's process does."""
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    database = Path(os.environ["ATTUNE_JOURNAL__PATH"])
    for number, path in enumerate(islice(cycle(sorted(folder.glob("*.wav"))), count), 1):
        before = answered(database)
        for frame in frames(path, Pace.FAST):
            send(frame.samples)
        began = time.monotonic()
        while time.monotonic() - began < PAUSE_S:
            send(silence)
        while answered(database) == before and time.monotonic() - began < ANSWERED_S:
            rest(silence, 0.1)
        if number % break_every == 0:
            rest(silence, BREAK_S)
    (folder / SAID).touch()
    while True:
        rest(silence, 1.0)


def answered(database: Path) -> int:
    """How many exchanges have come to their end."""
    with closing(sqlite3.connect(database, timeout=30)) as found:
        over = found.execute(
            "SELECT count(*) FROM turns WHERE reply IS NOT NULL OR error IS NOT NULL"
        )
        return over.fetchone()[0]


def rest(silence: np.ndarray, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        send(silence)
        time.sleep(0.02)


def send(samples: np.ndarray) -> None:
    time.sleep(SLOWEST_S)
    message = packed(AudioFrame(samples.copy(), time.monotonic()), 0)
    while message:
        message = message[os.write(1, message) :]


if __name__ == "__main__":
    if sys.argv[1] == "run":
        runtime.MicrophoneSupervisor = replaying  # what the daemon opens in place of a microphone
        sys.exit(main())
    wanted = (int(os.environ[name]) for name in ("REPLAY_COUNT", "REPLAY_BREAK"))
    replay(Path(os.environ["REPLAY_FOLDER"]), *wanted)
