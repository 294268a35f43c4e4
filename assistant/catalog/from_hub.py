"""Fetches a model from the hub; whatever breaks, the next try resumes from there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.catalog.checksum import agrees, sha256
from assistant.catalog.entries import CatalogEntry, File, HubSource
from assistant.catalog.failure import BrokenError, SourceError
from assistant.catalog.folder import settle
from assistant.catalog.hub import Hub, Remote
from assistant.catalog.parts import Came, disk_errors, part, size, tidy
from assistant.catalog.patience import Effort, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress, Waiting


@dataclass(frozen=True, slots=True)
class FromHub:
    """Fetches from one repository of a hub."""

    source: HubSource
    hub: Hub
    effort: Effort
    sleep: Callable[[float], None]

    def bring(
        self,
        entry: CatalogEntry,
        partial: Path,
        require_room: Callable[[int], None],
    ) -> Generator[Progress, None, Came]:
        """Fetch all files of a model into its claimed folder, reporting progress.

        Raises:
            SourceError: if the hub does not provide it, or provides something else.
            CatalogError: from ``require_room``, if there is no room for so many bytes.
        """
        remotes = yield from self._look_up(entry)
        parts = [_part(partial, file, remote) for file, remote in remotes]
        with disk_errors(partial):
            names = [file.name for file in entry.files]
            tidy(partial, dict(zip(parts, names, strict=True)), entry.wheels)
            for path, (_, remote) in zip(parts, remotes, strict=True):
                if size(path) > remote.size:
                    path.unlink()
        whole = sum(remote.size for _, remote in remotes)
        require_room(whole - sum(map(size, parts)))
        files: dict[str, tuple[Path, str]] = {}
        done = 0
        for path, (file, remote) in zip(parts, remotes, strict=True):
            digest = yield from self._whole(file, remote, path, done, whole)
            files[file.name] = (path, digest)
            done += remote.size
        return Came(f"{self.source.repository}@{remotes[0][1].commit}", files)

    def _look_up(self, entry: CatalogEntry) -> Generator[Progress, None, list[tuple[File, Remote]]]:
        """The files of a model on the hub, all from one commit."""
        revision = self.source.revision
        remotes: list[tuple[File, Remote]] = []
        for file in entry.files:
            patience = Patience(self.effort)
            while isinstance(found := self._ask(file, revision), BrokenError):
                yield from self._wait(patience, found)
            if file.size not in (None, found.size):
                raise self._another(file)
            if file.is_known and len(found.etag) == 64 and found.etag != file.sha256:
                raise self._another(file)
            remotes.append((file, found))
            revision = found.commit
        return remotes

    def _ask(self, file: File, revision: str) -> Remote | BrokenError:
        try:
            return self.hub.look_up(
                self.source.repository, self.source.path(file), revision, self.effort.silence_s
            )
        except BrokenError as error:
            return error

    def _whole(
        self, file: File, remote: Remote, path: Path, before: int, of: int
    ) -> Generator[Progress, None, str]:
        """Fetch a file and check it, from scratch a second time if it is damaged; its SHA-256.

        Args:
            file: as the catalogue describes it.
            remote: as the hub describes it.
            path: where it is written.
            before: bytes of the model that were fetched before it.
            of: bytes of the model.
        """
        for last in (False, True):
            yield from self._fetch(remote, path, before, of)
            yield Checking(file.name)
            with disk_errors(path.parent):
                settle(path)
                if agrees(path, remote.etag):
                    digest = remote.etag if len(remote.etag) == 64 else sha256(path)
                    if digest == file.sha256 or not file.is_known:
                        return digest
                    path.unlink()
                    raise self._another(file)
                path.unlink()
            if not last:
                yield Anew(file.name)
        raise SourceError(
            f"the file {remote.path} arrived damaged twice: it does not match the hub's checksum",
            "Pull again later; if that does not help, check for something that changes downloads, "
            "such as a proxy.",
        )

    def _fetch(self, remote: Remote, path: Path, before: int, of: int) -> Iterator[Progress]:
        """Fetch the rest of a file, up to the size that the hub gives."""
        patience = Patience(self.effort)
        furthest = size(path)
        yield Moved(before + furthest, of)
        while size(path) < remote.size:
            broken = yield from self._more(remote, path, before, of)
            if size(path) > furthest:  # bytes that came before are no progress
                furthest = size(path)
                patience.progress()
            if broken is not None:
                yield from self._wait(patience, broken)

    def _more(
        self, remote: Remote, path: Path, before: int, of: int
    ) -> Generator[Progress, None, BrokenError | None]:
        """Fetch over one connection; how it broke, if the file is still incomplete."""
        start = size(path)
        try:
            with (
                self.hub.body(remote, start, self.effort.silence_s) as body,
                disk_errors(path.parent),
                path.open("ab") as file,
            ):
                if body.start != start:
                    file.truncate(body.start)
                done = body.start
                for piece in body.pieces:
                    done += file.write(piece[: remote.size - done])
                    file.flush()  # what arrived must survive a kill
                    yield Moved(before + done, of)
                    if done == remote.size:
                        break  # even if the server would send more
        except BrokenError as error:
            return error
        return BrokenError("the connection ended early") if size(path) < remote.size else None

    def _wait(self, patience: Patience, error: BrokenError) -> Iterator[Progress]:
        """Wait before the next try; ``SourceError`` after too many failures."""
        seconds = patience.wait(error.wait_s)
        if seconds is None:
            later = f", and asks to wait {error.wait_s:.0f} s" if error.wait_s else ""
            raise SourceError(
                f"the hub at {self.hub.endpoint} does not respond ({error}{later})",
                "Check the network, HF_ENDPOINT and HTTPS_PROXY, then pull again: it resumes where "
                "it stopped.",
            ) from None
        yield Waiting(seconds, str(error))
        self.sleep(seconds)

    def _another(self, file: File) -> SourceError:
        return SourceError(
            f"the file {self.source.path(file)} of {self.source.repository} is not the one in the "
            "catalogue: its SHA-256 differs",
            "It was not used. If you trust it, download it yourself, then run 'assistant models "
            "import PATH'.",
        )


def _part(partial: Path, file: File, remote: Remote) -> Path:
    return part(partial, file.name, file.sha256 if file.is_known else remote.etag)
