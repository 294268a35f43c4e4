"""The command with a fault planted in it: ``python -m tests.daemon.faults WHERE WORDS...``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from assistant.cli.main import main
from assistant.daemon import ending, service, watch
from assistant.daemon.maintenance import Maintenance
from assistant.daemon.microphone import MicrophoneSupervisor


def broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("planted")


def hang(*_: Any) -> None:
    time.sleep(60)


def end() -> None:
    ending.END_S = 0.5
    Maintenance.__exit__ = hang  # pyright: ignore[reportAttributeAccessIssue]


def listen() -> None:
    MicrophoneSupervisor.__iter__ = broken


def answer() -> None:
    Maintenance.idle = broken


def opening() -> None:
    service.opened = broken


def health() -> None:
    watch.trouble = broken


PLANTS: dict[str, Callable[[], None]] = {
    plant.__name__: plant for plant in (listen, answer, opening, health, end)
}

if __name__ == "__main__":
    PLANTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
