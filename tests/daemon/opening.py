"""A runtime that the daemon opens by itself, over toy models."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from assistant.config import load
from assistant.daemon import runtime as daemon
from assistant.daemon.loop import Errand
from tests.cli.house import House


def opened(
    models: House,
    folder: Path,
    errand: Callable[[Errand], None] = lambda _: None,
    **flags: object,
) -> AbstractContextManager[daemon.Runtime]:
    """The runtime with a journal in ``folder``; of flags ``__`` is the point between the words."""
    wanted = {name.replace("__", "."): value for name, value in flags.items()}
    wanted |= {"journal.path": folder / "journal.db", "personalise.enabled": False}
    settings = load(wanted, environ=models.settings, files=()).settings
    return daemon.opened(settings, print, beat=lambda: None, publish=print, errand=errand)
