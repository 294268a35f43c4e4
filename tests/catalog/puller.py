"""A pull in a process of its own, to be killed."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

# read when the library is loaded, which happens here first
for _name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ.pop(_name, None)

import huggingface_hub.file_download  # noqa: E402, F401 - so that each process need not

from assistant.catalog.entries import CatalogEntry  # noqa: E402
from assistant.catalog.folder import ModelFolder  # noqa: E402
from assistant.catalog.hub import Hub  # noqa: E402
from assistant.catalog.patience import FULL, SHORT  # noqa: E402
from assistant.catalog.progress import Checking  # noqa: E402
from assistant.catalog.pull import Pull  # noqa: E402
from assistant.errors import CatalogError  # noqa: E402
from tests.forked import processes  # noqa: E402

CHECKING, WHOLE = "checking", "whole"


@dataclass
class Puller:
    """A running pull."""

    process: BaseProcess
    told: Connection

    @classmethod
    def start(
        cls,
        endpoint: str,
        folder: Path,
        entry: CatalogEntry,
        *,
        largest_file: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Puller:
        """Begin to pull.

        Args:
            endpoint: the hub.
            folder: where models go.
            entry: the model.
            largest_file: bytes that a file may have at most.
            environment: variables, for pip for instance.
        """
        told, tells = processes.Pipe(duplex=False)
        process = processes.Process(
            target=_pull,
            args=(
                endpoint,
                folder,
                entry.model_dump_json(),
                largest_file,
                dict(environment or {}),
                tells,
            ),
        )
        process.start()
        tells.close()
        return cls(process, told)

    def kill(self) -> None:
        """As kill -9 does it."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGKILL)

    def hear(self) -> str | None:
        """What it tells next: that it checks a file, that all is whole, or what is wrong."""
        try:
            return self.told.recv()
        except EOFError:
            return None

    def end(self) -> str | None:
        """The last that it told, once it has ended."""
        last = None
        while (said := self.hear()) is not None:
            last = said
        self.process.join()
        self.told.close()
        return last


def _pull(
    endpoint: str,
    folder: Path,
    entry: str,
    largest_file: int | None,
    environment: Mapping[str, str],
    tells: Connection,
) -> None:
    os.environ.update(environment)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    last, before = (replace(each, first_s=0.0, silence_s=5.0) for each in (FULL, SHORT))
    pull = Pull(ModelFolder(folder), Hub(endpoint), last=last, before=before)
    try:
        for step in pull.run(CatalogEntry.model_validate_json(entry)):
            if isinstance(step, Checking):
                tells.send(CHECKING)
        tells.send(WHOLE)
    except CatalogError as error:
        tells.send(str(error))
