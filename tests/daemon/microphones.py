"""Microphones that fail: ``python -m tests.daemon.microphones FOLDER SETTINGS``.

The file ``plan.json`` in the folder names the role of each start; the last one is repeated.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from assistant.listen.frame_pipe import failure, packed
from assistant.values import FRAME_SAMPLES, AudioFrame

FOREVER_S = 60.0
"""As long as no test takes."""


def frames(number: int, overruns: int = 0) -> None:
    """Send loud frames, one millisecond apart, until nobody wants any more."""
    for count in itertools.count() if number < 0 else range(number):
        frame = AudioFrame(np.full(FRAME_SAMPLES, 1_000, np.int16), 100.0 + count * 0.02)
        os.write(1, packed(frame, overruns))
        if select.select([0], [], [], 0.001)[0]:
            return


def work() -> None:
    frames(-1, overruns=7)


def refuse() -> None:
    os.write(1, failure("The microphone is busy."))
    sys.exit(1)


def end() -> None:
    frames(3)
    sys.exit(7)


def crash() -> None:
    frames(3)
    os.kill(os.getpid(), signal.SIGKILL)


def babble() -> None:
    frames(3)
    os.write(1, b"Cannot connect to server socket err = No such file or directory\n")
    time.sleep(FOREVER_S)


def hang() -> None:
    """Deaf to everything after three frames."""
    frames(3)
    time.sleep(FOREVER_S)


def freeze() -> None:
    """Not even a frame."""
    time.sleep(FOREVER_S)


def close() -> None:
    """End the stream and live on."""
    os.close(1)
    time.sleep(FOREVER_S)


ROLES: dict[str, Callable[[], None]] = {
    role.__name__: role for role in (work, refuse, end, crash, babble, hang, freeze, close)
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    with (folder / "started").open("a+", encoding="utf-8") as log:
        log.seek(0)
        before = len(log.readlines())
        log.write(f"{os.getpid()} {sys.argv[2]}\n")
    ROLES[plan[min(before, len(plan) - 1)]]()
