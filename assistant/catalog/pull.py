"""Fetches a model of the catalogue: whatever breaks, the next try goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from assistant import durable
from assistant.catalog.checksum import agrees, sha256
from assistant.catalog.entries import CatalogEntry, Source
from assistant.catalog.folder import Kept, Manifest, ModelFolder, settle
from assistant.catalog.hub import BrokenError, Hub, Remote
from assistant.catalog.patience import FIRST_S, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress, Waiting
from assistant.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetches models into a folder.

    Args:
        folder: where they go.
        hub: where they come from.
        first_s: the first wait after a broken connection.
        sleep: waits.
    """

    folder: ModelFolder
    hub: Hub
    first_s: float = FIRST_S
    sleep: Callable[[float], None] = field(default=time.sleep)

    def run(self, entry: CatalogEntry) -> Iterator[Progress]:
        """Fetch a model and put it in place, telling how far it is.

        Raises:
            CatalogError: if it cannot be fetched, is not what it should be, or there is no room;
                what has come stays for the next try.
        """
        with self.folder.claimed(entry.name) as partial:
            remotes = yield from self._look_up(entry)
            parts = [_part(partial, source, remote) for source, remote in remotes]
            with _told(partial):
                partial.mkdir(exist_ok=True)
                _tidy(partial, remotes, parts)
            whole = sum(remote.size for _, remote in remotes)
            self.folder.require_room(whole - sum(map(_size, parts)))
            done = 0
            for (_, remote), part in zip(remotes, parts, strict=True):
                yield from self._whole(remote, part, done, whole)
                done += remote.size
            with _told(partial):
                manifest = _named(entry, remotes, parts)
            self.folder.install(partial, manifest)

    def _look_up(
        self, entry: CatalogEntry
    ) -> Generator[Progress, None, list[tuple[Source, Remote]]]:
        """What the hub has of a model, all of one commit."""
        revision = entry.revision
        remotes: list[tuple[Source, Remote]] = []
        for source in entry.files:
            patience = Patience(self.first_s)
            while isinstance(found := self._ask(entry, source, revision), BrokenError):
                yield from self._wait(patience, found)
            if source.sha256 is not None and len(found.etag) == 64:
                _require_same(source.sha256, found.etag, source, entry)
            remotes.append((source, found))
            revision = found.commit
        return remotes

    def _ask(self, entry: CatalogEntry, source: Source, revision: str) -> Remote | BrokenError:
        try:
            return self.hub.look_up(entry.repository, source.path, revision)
        except BrokenError as error:
            return error

    def _whole(self, remote: Remote, part: Path, before: int, of: int) -> Iterator[Progress]:
        """Bring a file here until it is what the hub says; once more from the start if it is not.

        Args:
            remote: the file.
            part: where it is written.
            before: bytes of the model that came before it.
            of: bytes of the model.
        """
        for last in (False, True):
            yield from self._fetch(remote, part, before, of)
            yield Checking(remote.path)
            with _told(part.parent):
                settle(part)
                if agrees(part, remote.etag):
                    return
                part.unlink()
            if not last:
                yield Anew(remote.path)
        raise CatalogError(
            f"{remote.path} came damaged twice: it does not have the checksum that the hub names. "
            "Pull again later; if that does not help, look for what changes it on its way, such "
            "as a proxy."
        )

    def _fetch(self, remote: Remote, part: Path, before: int, of: int) -> Iterator[Progress]:
        """Bring the rest of a file here, as many bytes as the hub says it has."""
        patience = Patience(self.first_s)
        furthest = _size(part)
        yield Moved(before + furthest, of)
        while _size(part) < remote.size:
            broken = yield from self._more(remote, part, before, of)
            if _size(part) > furthest:  # what came twice is no progress
                furthest = _size(part)
                patience.progress()
            if broken is not None:
                yield from self._wait(patience, broken)

    def _more(
        self, remote: Remote, part: Path, before: int, of: int
    ) -> Generator[Progress, None, BrokenError | None]:
        """Bring here what comes over one connection; how that broke, if the file is not whole."""
        start = _size(part)
        try:
            with (
                self.hub.body(remote, start) as body,
                _told(part.parent),
                part.open("ab") as file,
            ):
                if body.start != start:
                    file.truncate(body.start)
                for piece in body.pieces:
                    file.write(piece)
                    file.flush()  # what has come must be there after a kill
                    yield Moved(before + min(file.tell(), remote.size), of)
        except BrokenError as error:
            return error
        return BrokenError("the connection ended early") if _size(part) < remote.size else None

    def _wait(self, patience: Patience, error: BrokenError) -> Iterator[Progress]:
        """Wait until it may be tried again.

        Raises:
            CatalogError: if it has been tried often enough.
        """
        seconds = patience.wait(error.wait_s)
        if seconds is None:
            later = f" It asks to wait {error.wait_s:.0f} s." if error.wait_s else ""
            raise CatalogError(
                f"Cannot fetch from {self.hub.endpoint}: {error}.{later} Check the network, "
                "HF_ENDPOINT and HTTPS_PROXY, then pull again: it goes on from where it stopped."
            ) from None
        yield Waiting(seconds, str(error))
        self.sleep(seconds)


def _part(partial: Path, source: Source, remote: Remote) -> Path:
    """Where a file is written: another one of the hub's gets another name."""
    return partial / f"{source.name}.{remote.etag[:12]}.part"


def _tidy(partial: Path, remotes: Sequence[tuple[Source, Remote]], parts: Sequence[Path]) -> None:
    """Leave only what can be gone on with."""
    for (source, remote), part in zip(remotes, parts, strict=True):
        finished = partial / source.name  # by a process that died before the model had its name
        if finished.is_file() and not part.exists():
            finished.rename(part)
        if _size(part) > remote.size:
            part.unlink()
    for each in list(partial.iterdir()):
        if each not in parts:
            each.unlink()


def _named(
    entry: CatalogEntry, remotes: Sequence[tuple[Source, Remote]], parts: Sequence[Path]
) -> Manifest:
    """Give the files their names; what is to be known of them.

    Raises:
        CatalogError: if one is not what the catalogue wants.
    """
    files: dict[str, Kept] = {}
    for (source, remote), part in zip(remotes, parts, strict=True):
        digest = remote.etag if len(remote.etag) == 64 else sha256(part)
        if source.sha256 is not None:
            _require_same(source.sha256, digest, source, entry)
        files[source.name] = Kept(size=remote.size, sha256=digest)
        part.rename(part.with_name(source.name))
    durable.sync(parts[0].parent)
    return Manifest(
        name=entry.name,
        role=entry.role,
        source=f"{entry.repository}@{remotes[0][1].commit}",
        licence=entry.licence.id,
        installed_at=datetime.now(timezone.utc),
        files=files,
    )


def _require_same(wanted: str, found: str, source: Source, entry: CatalogEntry) -> None:
    if wanted != found:
        raise CatalogError(
            f"{source.path} of {entry.repository} is not the file that the catalogue names: its "
            "SHA-256 is another. Nothing of it is used. If you trust it, fetch it yourself, then "
            "run 'assistant models import PATH'."
        )


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


@contextmanager
def _told(folder: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"Cannot write to {folder}: {error.strerror}. Make room there, or set models.folder "
            "to another disk, then pull again."
        ) from None
