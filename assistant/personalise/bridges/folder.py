"""The folder of learned bridges, and which of them is in use.

Every bridge is a file named after its version, and ``promoted.json`` lists the promoted versions,
oldest first: the last one is in use; an empty list means the base bridge of the settings. A change
writes a new file, flushes it to the disk and renames it, so a process killed at any moment leaves
either the old or the new state. Only one process changes the folder at a time, and removes what a
killed one has left.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from assistant import durable
from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import CheckpointError
from assistant.personalise.bridges.shred import shred

BUSY_S = 5.0
"""How long one process waits for another one's change."""

STATE = "promoted.json"
"""Lists promoted versions; a running daemon watches it for changes."""

_SUFFIX = ".safetensors"
_PART = ".part"  # being written; never read
_ERASING = ".erasing"  # being destroyed; never read
_VERSION = re.compile(r"[0-9a-f]{1,64}")
_LEFTOVER = re.compile(r"([0-9a-f]{1,64}|promoted\.json)(\.part){1,2}|[0-9a-f]{1,64}\.erasing")


class _Promoted(BaseModel):
    """The contents of ``promoted.json``."""

    versions: list[Annotated[str, Field(strict=True, pattern=rf"^(?:{_VERSION.pattern})$")]]


class BridgeFolder:
    """Learned bridges, newest promotion last; several processes may share one folder.

    Args:
        path: the folder; created with the first bridge.
        busy_s: how long to wait for another process's change.

    Every method raises ``CheckpointError`` if the folder cannot be read or written, and those that
    change it ``JournalError`` if leftovers cannot be destroyed.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self.folder = path
        self.state = path / STATE
        self._busy_s = busy_s

    @property
    def current(self) -> str | None:
        """Version in use; ``None`` for the base bridge.

        Raises:
            CheckpointError: also if ``promoted.json`` is damaged.
        """
        return self.without(())

    def without(self, versions: Collection[str]) -> str | None:
        """The version that would be in use without these; raises as ``current``."""
        held = self._held(self._stack())
        return next((each for each in reversed(held) if each not in versions), None)

    def path(self, version: str) -> Path:
        """The path of a version's file, which need not exist.

        Raises:
            CheckpointError: if this cannot be a version.
        """
        if not _VERSION.fullmatch(version):
            raise self._unknown(version)
        return self.folder / f"{version}{_SUFFIX}"

    def versions(self) -> list[str]:
        """Versions whose files exist, sorted."""
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
            raise self._unusable(version, f"holds another version ({found.version})")
        return found

    def is_whole(self, version: str) -> bool:
        """Whether the file of a version exists and can be read."""
        try:
            self.read(version)
        except CheckpointError:
            return False
        return True

    def add(self, found: Checkpoint) -> str:
        """Store a bridge, replacing one of the same version, and return its version."""
        version = found.version
        with self._changing():
            part = self.folder / f"{version}{_PART}"
            found.write(part)
            part.chmod(0o600)
            part.replace(self.path(version))
            durable.sync(self.folder)
        return version

    def promote(self, version: str) -> None:
        """Use a version from the next turn on; a damaged ``promoted.json`` is started afresh.

        Raises:
            CheckpointError: as ``read``.
        """
        with self._changing():
            self.read(version)
            before = self._recorded() or []
            self._write([*(each for each in before if each != version), version])

    def rollback(self) -> str | None:
        """Go back to the previous usable bridge, and return it; ``None`` for the base bridge.

        If ``promoted.json`` is damaged, this goes back to the base bridge.

        Raises:
            CheckpointError: if the base bridge is already in use.
        """
        with self._changing():
            stack = self._recorded()
            if stack is not None and not (stack := self._held(stack)):
                raise CheckpointError(
                    "What Attune came with is already in use, so there is nothing to go back to. "
                    "'assistant bridge promote ID' switches to what was learned."
                )
            before = (stack or [])[:-1]
            while before and not self.is_whole(before[-1]):
                before.pop()
            self._write(before)
        return before[-1] if before else None

    def destroy(self, version: str) -> None:
        """Take a version out of use, and overwrite and remove its file; repeatable."""
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
        """Drop promoted versions without a file, and remove what a killed process has left.

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
                f"The list of what was learned in {self.state} is damaged. 'assistant bridge "
                "rollback' goes back to what Attune came with, 'assistant bridge promote ID' to "
                "what it learned."
            )
        return stack

    def _recorded(self) -> list[str] | None:
        """Promoted versions, oldest first; ``None`` if the list is damaged."""
        with self._explained("read"):
            try:
                return _Promoted.model_validate_json(self.state.read_bytes()).versions
            except FileNotFoundError:
                return []
            except ValueError:
                return None

    def _write(self, stack: list[str]) -> None:
        durable.write(self.state, json.dumps({"versions": stack}).encode())

    def _sweep(self) -> None:
        """Destroy what was being written or destroyed."""
        shred([each for each in self.folder.iterdir() if _LEFTOVER.fullmatch(each.name)])

    def _held(self, stack: list[str]) -> list[str]:
        """Those whose file exists."""
        return [each for each in stack if self.path(each).is_file()]

    @contextmanager
    def _changing(self) -> Generator[None]:
        """Hold the lock for changing the folder."""
        with self._explained("change"):
            durable.folder(self.folder)
            # lock the folder itself: a lock file might belong to another user
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
            # Speech may have paused a training in the middle of its promotion.
            if time.monotonic() >= deadline:
                raise CheckpointError(
                    f"Another program is changing what was learned in {self.folder}. Try again in "
                    "a minute."
                )
            time.sleep(0.02)

    @contextmanager
    def _explained(self, doing: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"Cannot {doing} what was learned in {self.folder}: {error.strerror}. Make room "
                "and give yourself write permission there, or set personalise.folder to another "
                "folder."
            ) from error

    def _unknown(self, version: str) -> CheckpointError:
        return CheckpointError(
            f"There is no version {version!r} in {self.folder}. 'assistant bridge list' shows them "
            "all."
        )

    def _unusable(self, version: str, why: str) -> CheckpointError:
        remedy = (
            "'assistant bridge rollback' goes back to the previous one"
            if (self._recorded() or [])[-1:] == [version]
            else "Use another one from 'assistant bridge list', or train again with "
            "'assistant retrain'"
        )
        return CheckpointError(f"The file of version {version} {why}. {remedy}.")


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
