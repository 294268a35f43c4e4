"""Runs one training for a daemon at the other end of a socket, which is standard input.

Run as ``python -m assistant.personalise.background.trainer_service [PROGRAM ARGUMENT...]`` by a
service manager, so that trainers have a place, a priority and limits of their own. The daemon is
sent the trainer's number, and with it a handle to it and the ends of its pipes; at last, how it
ended. It needs this process for nothing else: the one that is stopped and let go is the trainer
itself.
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
"""The program that trains, as the arguments of a process."""

SAVE_S = 20.0
"""Longest wait for a trainer whose daemon is gone to keep its state."""

_ORDER_BYTES = 4096


def serve(daemon: socket.socket, command: Sequence[str]) -> None:
    """Run a trainer to its end, or until the daemon is gone.

    Args:
        daemon: sends environment variables as JSON, with a file that the trainer is to read.
        command: the trainer, as the arguments of a process.
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
        with suppress(ConnectionError):  # seen below, too
            socket.send_fds(daemon, [str(process.pid).encode()], ends)
    ready, _, _ = select.select([daemon, handle], [], [])
    if handle in ready:
        with suppress(ConnectionError):
            daemon.sendall(str(process.wait()).encode())
    else:
        child.end(process, SAVE_S)  # it keeps its state: nobody would pause it any more
    os.close(handle)


if __name__ == "__main__":
    with socket.socket(fileno=os.dup(0)) as connection:
        serve(connection, sys.argv[1:] or TRAINER)
