"""The pages' server in a process of its own, whose time limits a test may shorten."""

from __future__ import annotations

import importlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.config import WebSettings
from assistant.control.client import Client
from tests.waiting import WAIT_S

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Web:
    """A server of the pages."""

    port: int
    pid: int
    address: str  # as it told it


@contextmanager
def serving_pages(
    place: Path, folder: Path, *, address: str = "127.0.0.1", **constants: float
) -> Iterator[Web]:
    """Serve the pages of the daemon at a socket.

    Args:
        place: the socket.
        folder: for the certificate, and for what the process writes.
        address: where to listen.
        constants: of modules in ``assistant.web``, such as ``server__HEAD_S``.
    """
    port = free_port()
    told = {
        "place": str(place),
        "settings": {"address": address, "port": port, "folder": str(folder)},
        "constants": constants,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.web.served", json.dumps(told)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield Web(port, process.pid, process.stdout.readline().strip())
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(WAIT_S)
            finally:
                process.kill()


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def main() -> None:
    """Serve what the first argument says, until SIGTERM."""
    from assistant.web.server import serve  # noqa: PLC0415 - only in the child

    told = json.loads(sys.argv[1])
    for name, value in told["constants"].items():
        module, _, constant = name.partition("__")
        setattr(importlib.import_module(f"assistant.web.{module}"), constant, value)
    settings = WebSettings.model_validate(told["settings"])
    serve(Client(Path(told["place"])), settings, on_ready=tell)


def tell(address: str) -> None:
    """The pages are there."""
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
