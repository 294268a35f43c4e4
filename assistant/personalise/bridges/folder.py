"""The folder of learned bridges, and which of them answers.

Every bridge is a file named for its version, and ``promoted.json`` holds the versions promoted so
far, oldest first: the last one answers; none at all means the base bridge of the settings. A
change writes a new file beside the old one, brings it to the disk and renames it, so a process
killed at any moment leaves the state before or the state after. Changes are made by one process
at a time; what dies with a change half made is swept up by the next one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from assistant import durable
from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import CheckpointError
from assistant.personalise.bridges.shred import shred

BUSY_S = 5.0
"""How long one process waits for another one's change."""

STATE = "promoted.json"
"""Names what is promoted; its change is what a running daemon watches for."""

_SUFFIX = ".safetensors"
_PART = ".part"  # being written; never read
_ERASING = ".erasing"  # being destroyed; never read
_VERSION = re.compile(r"[0-9a-f]{1,64}")
_LEFTOVER = re.compile(r"([0-9a-f]{1,64}|promoted\.json)(\.part){1,2}|[0-9a-f]{1,64}\.erasing")


class BridgeFolder:
    """Learned bridges, newest promotion last; several processes may share one folder.

    Args:
        path: the folder; made with the first bridge.
        busy_s: how long to wait for another process's change.

    Every method raises ``CheckpointError`` when the folder cannot be read or written, and those
    that change it ``JournalError`` when what is to be destroyed there cannot be.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self.folder = path
        self.state = path / STATE
        self._busy_s = busy_s

    @property
    def current(self) -> str | None:
        """Version that answers; ``None`` for the base bridge.

        Raises:
            CheckpointError: also if ``promoted.json`` is damaged.
        """
        return next(reversed(self._held(self._stack())), None)

    def path(self, version: str) -> Path:
        """Where the file of a version lies, whether it is there or not.

        Raises:
            CheckpointError: if this cannot be the name of a version.
        """
        if not _VERSION.fullmatch(version):
            raise self._unknown(version)
        return self.folder / f"{version}{_SUFFIX}"

    def versions(self) -> list[str]:
        """Versions whose files are there, by name."""
        with self._explained("read"):
            names = [each.name for each in self.folder.glob(f"*{_SUFFIX}")]
        return sorted(
            stem for name in names if _VERSION.fullmatch(stem := name.removesuffix(_SUFFIX))
        )

    def read(self, version: str) -> Checkpoint:
        """The checkpoint of a version.

        Raises:
            CheckpointError: if its file is missing, damaged or holds another bridge.
        """
        path = self.path(version)
        if not path.is_file():
            raise self._unknown(version)
        try:
            found = checkpoint.read(path)
        except CheckpointError as error:
            raise self._unusable(version, "is damaged") from error
        if found.version != version:
            raise self._unusable(version, f"holds another bridge ({found.version})")
        return found

    def is_whole(self, version: str) -> bool:
        """Whether the file of a version is there and can be read."""
        try:
            self.read(version)
        except CheckpointError:
            return False
        return True

    def add(self, found: Checkpoint) -> str:
        """Keep a bridge and give its version; one of the same version is replaced."""
        version = found.version
        with self._changing():
            part = self.folder / f"{version}{_PART}"
            found.write(part)
            part.chmod(0o600)
            part.replace(self.path(version))
            durable.sync(self.folder)
        return version

    def promote(self, version: str) -> None:
        """Let a version answer from the next turn on; a damaged ``promoted.json`` begins anew.

        Raises:
            CheckpointError: as ``read``.
        """
        with self._changing():
            self.read(version)
            before = self._recorded() or []
            self._write([*(each for each in before if each != version), version])

    def rollback(self) -> str | None:
        """Go back to the bridge before, and give what answers now; ``None`` for the base bridge.

        One that is damaged or gone is passed over. From a damaged ``promoted.json`` the way
        leads back to the base bridge.

        Raises:
            CheckpointError: if the base bridge answers already.
        """
        with self._changing():
            stack = self._recorded()
            if stack is not None and not (stack := self._held(stack)):
                raise CheckpointError(
                    "The base bridge answers already, so there is nothing to go back to. "
                    "'assistant bridge promote ID' takes a learned one."
                )
            before = (stack or [])[:-1]
            while before and not self.is_whole(before[-1]):
                before.pop()
            self._write(before)
        return before[-1] if before else None

    def destroy(self, version: str) -> None:
        """Take a version out of use and overwrite its file before it is removed.

        What has gone already is no error, so that a destruction broken off can be repeated.
        """
        path = self.path(version)
        with self._changing():
            stack = self._recorded() or []
            if version in stack:
                self._write([each for each in stack if each != version])
            if path.exists():
                path.replace(path.with_suffix(_ERASING))
                durable.sync(self.folder)
            self._sweep()

    def repair(self) -> None:
        """Drop promoted versions whose file is gone, and what a killed process left half done.

        Raises:
            CheckpointError: also if ``promoted.json`` is damaged.
        """
        if not self.folder.is_dir():
            return
        with self._changing():
            stack = self._stack()
            if stack != (held := self._held(stack)):
                self._write(held)

    def _stack(self) -> list[str]:
        stack = self._recorded()
        if stack is None:
            raise CheckpointError(
                f"The record of promoted bridges {self.state} is damaged. 'assistant bridge "
                "rollback' goes back to the base bridge, 'assistant bridge promote ID' to a "
                "learned one."
            )
        return stack

    def _recorded(self) -> list[str] | None:
        """Promoted versions, oldest first; ``None`` when the record of them is damaged."""
        with self._explained("read"):
            try:
                return _versions(json.loads(self.state.read_bytes()))
            except FileNotFoundError:
                return []
            except ValueError:
                return None

    def _write(self, stack: list[str]) -> None:
        durable.write(self.state, json.dumps({"versions": stack}).encode())

    def _sweep(self) -> None:
        """Remove for good what was being written or destroyed."""
        shred([each for each in self.folder.iterdir() if _LEFTOVER.fullmatch(each.name)])

    def _held(self, stack: list[str]) -> list[str]:
        """Without those whose file is gone."""
        return [each for each in stack if self.path(each).is_file()]

    @contextmanager
    def _changing(self) -> Generator[None]:
        """Be the only process that changes the folder."""
        with self._explained("change"):
            durable.folder(self.folder)
            # the folder itself is the lock: a file in it might belong to another user
            handle = os.open(self.folder, os.O_RDONLY)
            try:
                self._lock(handle)
                self._sweep()
                yield
            finally:
                os.close(handle)

    def _lock(self, handle: int) -> None:
        deadline = time.monotonic() + self._busy_s
        while not _is_locked(handle):
            # A training may have been paused by speech in the middle of its promotion.
            if time.monotonic() >= deadline:
                raise CheckpointError(
                    f"Another program is changing the bridges in {self.folder}. Try again in a "
                    "minute."
                )
            time.sleep(0.02)

    @contextmanager
    def _explained(self, doing: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"Cannot {doing} the bridges in {self.folder}: {error.strerror}. Make room and "
                "give yourself the right to write there, or set personalise.folder to another "
                "folder."
            ) from error

    def _unknown(self, version: str) -> CheckpointError:
        return CheckpointError(
            f"There is no bridge {version!r} in {self.folder}. 'assistant bridge list' shows "
            "those there are."
        )

    def _unusable(self, version: str, why: str) -> CheckpointError:
        mend = (
            "'assistant bridge rollback' goes back to the one before"
            if (self._recorded() or [])[-1:] == [version]
            else "Take another one from 'assistant bridge list', or learn anew with "
            "'assistant retrain'"
        )
        return CheckpointError(f"The file of bridge {version} {why}. {mend}.")


def _versions(state: object) -> list[str]:
    """The versions in the contents of ``promoted.json``.

    Raises:
        ValueError: if these are not its contents.
    """
    if not isinstance(state, dict):
        raise ValueError("no object")  # noqa: TRY004 - one kind of error for all nonsense
    versions = cast("dict[str, object]", state).get("versions")
    if not isinstance(versions, list):
        raise ValueError("no list of versions")  # noqa: TRY004 - as above
    for version in cast("list[object]", versions):
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is no version")
    return cast("list[str]", versions)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
