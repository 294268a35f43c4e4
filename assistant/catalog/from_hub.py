"""Fetches a model from the hub: whatever breaks, the next try goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant.catalog.checksum import agrees, sha256
from assistant.catalog.entries import CatalogEntry, File, HubSource
from assistant.catalog.failure import BrokenError, SourceError
from assistant.catalog.folder import settle
from assistant.catalog.hub import Hub, Remote
from assistant.catalog.parts import Came, part, size, tidy, told
from assistant.catalog.patience import Effort, Patience
from assistant.catalog.progress import Anew, Checking, Moved, Progress, Waiting


@dataclass(frozen=True, slots=True)
class FromHub:
    """Fetches from one repository.

    Args:
        source: the repository.
        hub: where it is.
        effort: how hard it is tried.
        sleep: waits.
    """

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
        """Bring all files of a model here, telling how far it is.

        Args:
            entry: the model.
            partial: the folder that is claimed for it.
            require_room: refuses so many bytes if there is no room for them.

        Raises:
            SourceError: if the hub does not give it, or gives something else.
            CatalogError: if there is no room.
        """
        remotes = yield from self._look_up(entry)
        parts = [_part(partial, file, remote) for file, remote in remotes]
        with told(partial):
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
        """What the hub has of a model, all of one commit."""
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
        """Bring a file here until it is what the hub says; once more from the start if it is not.

        Args:
            file: what the catalogue says of it.
            remote: what the hub says of it.
            path: where it is written.
            before: bytes of the model that came before it.
            of: bytes of the model.

        Returns:
            Its SHA-256.
        """
        for last in (False, True):
            yield from self._fetch(remote, path, before, of)
            yield Checking(file.name)
            with told(path.parent):
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
            f"the file {remote.path} came damaged twice: it does not have the checksum that the "
            "hub names",
            "Pull again later; if that does not help, look for what changes it on its way, such "
            "as a proxy.",
        )

    def _fetch(self, remote: Remote, path: Path, before: int, of: int) -> Iterator[Progress]:
        """Bring the rest of a file here, as many bytes as the hub says it has."""
        patience = Patience(self.effort)
        furthest = size(path)
        yield Moved(before + furthest, of)
        while size(path) < remote.size:
            broken = yield from self._more(remote, path, before, of)
            if size(path) > furthest:  # what came twice is no progress
                furthest = size(path)
                patience.progress()
            if broken is not None:
                yield from self._wait(patience, broken)

    def _more(
        self, remote: Remote, path: Path, before: int, of: int
    ) -> Generator[Progress, None, BrokenError | None]:
        """Bring here what comes over one connection; how that broke, if the file is not whole."""
        start = size(path)
        try:
            with (
                self.hub.body(remote, start, self.effort.silence_s) as body,
                told(path.parent),
                path.open("ab") as file,
            ):
                if body.start != start:
                    file.truncate(body.start)
                done = body.start
                for piece in body.pieces:
                    done += file.write(piece[: remote.size - done])
                    file.flush()  # what has come must be there after a kill
                    yield Moved(before + done, of)
                    if done == remote.size:
                        break  # however much more it would give
        except BrokenError as error:
            return error
        return BrokenError("the connection ended early") if size(path) < remote.size else None

    def _wait(self, patience: Patience, error: BrokenError) -> Iterator[Progress]:
        """Wait until it may be tried again.

        Raises:
            SourceError: if it has been tried often enough.
        """
        seconds = patience.wait(error.wait_s)
        if seconds is None:
            later = f", and asks to wait {error.wait_s:.0f} s" if error.wait_s else ""
            raise SourceError(
                f"nothing comes from {self.hub.endpoint} ({error}{later})",
                "Check the network, HF_ENDPOINT and HTTPS_PROXY, then pull again: it goes on from "
                "where it stopped.",
            ) from None
        yield Waiting(seconds, str(error))
        self.sleep(seconds)

    def _another(self, file: File) -> SourceError:
        return SourceError(
            f"the file {self.source.path(file)} of {self.source.repository} is not the one that "
            "the catalogue names: its SHA-256 is another",
            "Nothing of it is used. If you trust it, fetch it yourself, then run 'assistant models "
            "import PATH'.",
        )


def _part(partial: Path, file: File, remote: Remote) -> Path:
    return part(partial, file.name, file.sha256 if file.is_known else remote.etag)
