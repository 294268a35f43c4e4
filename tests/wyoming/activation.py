"""The Wyoming server as systemd starts it, at a socket that systemd holds open."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.house import ROOT, command
from tests.sound import silent_environment
from tests.waiting import WAIT_S, until


@contextmanager
def activated(
    folder: Path, *listen: str, **settings: str
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Within the block whoever connects to a socket is answered, as by attune-wyoming.socket.

    Args:
        folder: for ``out`` and ``err``, what the processes print.
        listen: addresses and ports, or paths.
        settings: of the server.
    """
    environment = silent_environment(folder / "home") | {
        "ATTUNE_CONTROL__PATH": str(folder / "none.sock"),
        **settings,
    }
    passed = [f"--setenv={name}" for name in environment if name != "PATH"]
    places = [f"--listen={place}" for place in listen]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as errors:
        process = subprocess.Popen(
            ["systemd-socket-activate", *passed, *places, *command("wyoming")],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=errors,
        )
    try:
        until(lambda: (folder / "err").read_text().count("Listening on") == len(listen))
        yield process
    finally:
        process.terminate()
        try:
            process.wait(WAIT_S)
        finally:
            process.kill()
