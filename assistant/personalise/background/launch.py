"""Gives itself the lowest priority, then becomes the program that it is told.

Run as ``python -m assistant.personalise.background.launch PROGRAM ARGUMENT...``. Done here, before
there is a second thread, because on Linux each thread has a priority of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import psutil

from assistant import child

TRAINER = child.command("assistant.personalise")
"""The program that trains, as the arguments of a process."""


def launch(command: Sequence[str]) -> NoReturn:
    """Become a program with the lowest claim on CPU, disk and memory.

    Raises:
        OSError: if there is no such program.
    """
    # A group of its own: Ctrl-C on the daemon does not reach it, and the kernel ends a stopped
    # trainer whose daemon was killed. The session stays the daemon's, because the kernel shares
    # the CPU out between sessions, and one of its own would be given half of it.
    os.setpgid(0, 0)
    os.nice(19)
    with suppress(OSError):  # some containers forbid it
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    launch(sys.argv[1:])
