"""Runs one training for a daemon at the other end of a socket, which is standard input.

A service manager runs ``python -m assistant.personalise.background.trainer_service [PROGRAM
ARGUMENT...]``, so that trainers have their own control group, priority and limits. It sends the
daemon the trainer's process number with a process handle and the ends of its pipes and, at the end,
its exit status. The daemon pauses and resumes the trainer directly.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, cast

from assistant import child

TRAINER = child.command("assistant.personalise")
"""The command that starts a trainer."""

SAVE_S = 20.0
"""Longest wait for a trainer whose daemon is gone to save its state."""

_ORDER_BYTES = 4096


def serve(daemon: socket.socket, command: Sequence[str]) -> None:
    """Run a trainer to its end, or until the daemon is gone.

    Args:
        daemon: sends environment variables as JSON, with a file for the trainer's standard input.
        command: starts the trainer.
    """
    text, (job, *_), *_ = socket.recv_fds(daemon, _ORDER_BYTES, 1)
    process = subprocess.Popen(
        command,
        stdin=job,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | json.loads(text),
    )
    os.close(job)
    handle = os.pidfd_open(process.pid)
    with cast("IO[bytes]", process.stdout) as out, cast("IO[bytes]", process.stderr) as errors:
        ends = [handle, out.fileno(), errors.fileno()]
        with suppress(ConnectionError):  # noticed again below
            socket.send_fds(daemon, [str(process.pid).encode()], ends)
    ready, _, _ = select.select([daemon, handle], [], [])
    if handle in ready:
        with suppress(ConnectionError):
            daemon.sendall(str(process.wait()).encode())
    else:
        child.end(process, SAVE_S)  # it saves its state; nobody could pause it any more
    os.close(handle)


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as connection:
        serve(connection, sys.argv[1:] or TRAINER)
