"""The Wyoming server in a process of its own, whose limits a test may shorten."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assistant.config import Settings, WyomingSettings
from assistant.control.client import Client
from tests.waiting import WAIT_S
from tests.web.served import ROOT, free_port


@contextmanager
def serving_wyoming(place: Path, folder: Path, **told: Any) -> Iterator[int]:
    """Serve the daemon at a socket; gives the port of speech.

    Args:
        place: the socket.
        folder: for what the process writes.
        told: settings of ``wyoming``, and constants of modules in ``assistant.wyoming``, such as
            ``limits__IDLE_S``.
    """
    port = free_port()
    constants = {name: value for name, value in told.items() if "__" in name}
    wyoming = {name: value for name, value in told.items() if name not in constants}
    words = json.dumps([str(place), {"port": port, **wyoming}, constants])
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.wyoming.served", words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", (folder / "stderr").read_text()
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(WAIT_S) == 0, (folder / "stderr").read_text()
            finally:
                process.kill()
        assert (folder / "stderr").read_text() == ""


def main() -> None:
    """Serve what the first argument says, until SIGTERM."""
    place, wyoming, constants = json.loads(sys.argv[1])
    for name, value in constants.items():
        module, _, constant = name.partition("__")
        setattr(importlib.import_module(f"assistant.wyoming.{module}"), constant, value)
    from assistant.wyoming.server import serve  # noqa: PLC0415 - takes up the constants

    settings = Settings.model_validate({"wyoming": wyoming, "control": {"path": place}})
    serve(Client(Path(place)), settings, on_ready=tell)


def tell(_where: WyomingSettings) -> None:
    """Peers may come."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
