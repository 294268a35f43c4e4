"""A daemon with the bundled models, a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistant.control.client import Client
from tests.cli.house import ROOT
from tests.daemon.served import Manager, ended


@dataclass(frozen=True)
class Living:
    """It, its client, and its journal."""

    client: Client
    journal: Path


@contextmanager
def living(
    folder: Path,
    manager: Manager,
    environment: Mapping[str, str],
    start: list[str],
    **settings: str | None,
) -> Iterator[Living]:
    """Run it within the block; it has to end cleanly. A setting of ``None`` is left as it is."""
    daemon = Living(Client(folder / "control.sock"), folder / "journal.db")
    more = {
        "NOTIFY_SOCKET": str(folder / "notify"),
        "ATTUNE_CONTROL__PATH": str(daemon.client.path),
        "ATTUNE_JOURNAL__PATH": str(daemon.journal),
        "ATTUNE_MODELS__EVERYDAY": "off",
        "ATTUNE_MODELS__FOLDER": str(folder / "models"),
        "ATTUNE_PERSONALISE__ENABLED": "false",
        "ATTUNE_SPEAK__WAV_DIR": str(folder / "said"),
    }
    told: dict[str, str | None] = {**environment, **more, **settings}
    with (
        (folder / "stderr").open("w") as errors,
        subprocess.Popen(
            start,
            cwd=ROOT,
            env={name: value for name, value in told.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            manager.told_until("READY=1")
            yield daemon
            ended(process)
        finally:
            process.kill()
