"""Fetches a model of the catalogue from the first of its sources that provides it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from assistant import durable
from assistant.catalog.entries import CatalogEntry, HubSource, Source
from assistant.catalog.failure import SourceError
from assistant.catalog.folder import InstalledFile, Manifest, ModelFolder
from assistant.catalog.from_hub import FromHub
from assistant.catalog.from_index import FromIndex
from assistant.catalog.hub import Hub
from assistant.catalog.parts import Came, disk_errors
from assistant.catalog.patience import FULL, SHORT, Effort
from assistant.catalog.progress import Elsewhere, Progress


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetches models into a folder."""

    folder: ModelFolder
    hub: Hub = field(default_factory=Hub)
    last: Effort = FULL  # for the last source of a model
    before: Effort = SHORT  # for those before it
    sleep: Callable[[float], None] = field(default=time.sleep)

    def run(self, entry: CatalogEntry) -> Iterator[Progress]:
        """Fetch a model and put it in place, reporting progress.

        Raises:
            CatalogError: if it cannot be fetched, is not what it should be, or there is no room;
                what has arrived is kept for the next try.
        """
        with self.folder.claimed(entry.name) as partial:
            came = yield from self._from_any(entry, partial)
            with disk_errors(partial):
                manifest = _named(entry, partial, came)
            self.folder.install(partial, manifest)

    def _from_any(self, entry: CatalogEntry, partial: Path) -> Generator[Progress, None, Came]:
        failed: list[SourceError] = []
        for place, source in enumerate(entry.sources, start=1):
            is_last = place == len(entry.sources)
            effort = self.last if is_last else self.before
            try:
                return (yield from self._from(source, entry, partial, effort))
            except SourceError as error:
                failed.append(error)
                if not is_last:
                    yield Elsewhere(error.why)
        if len(failed) == 1:
            raise failed[0]
        raise SourceError(
            f"cannot fetch {entry.name}: {'; and '.join(error.why for error in failed)}",
            "Check the network, then pull again: it resumes where it stopped.",
        )

    def _from(
        self, source: Source, entry: CatalogEntry, partial: Path, effort: Effort
    ) -> Generator[Progress, None, Came]:
        if isinstance(source, HubSource):
            way = FromHub(source, self.hub, effort, self.sleep)
        else:
            way = FromIndex(source, effort)
        return (yield from way.bring(entry, partial, self.folder.require_room))


def _named(entry: CatalogEntry, partial: Path, came: Came) -> Manifest:
    """Give the files their final names; the manifest of the model."""
    files: dict[str, InstalledFile] = {}
    for name, (path, digest) in came.files.items():
        files[name] = InstalledFile(size=path.stat().st_size, sha256=digest)
        path.rename(partial / name)
    durable.sync(partial)
    return Manifest(
        name=entry.name,
        role=entry.role,
        source=came.origin,
        licence=entry.licence.id,
        installed_at=datetime.now(timezone.utc),
        files=files,
    )
