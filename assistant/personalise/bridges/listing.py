"""All present and past bridges: their files, their records and which one is in use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import cast

from assistant.bridge import checkpoint
from assistant.errors import CheckpointError
from assistant.journal.lineage import BridgeRecord, Lineage
from assistant.personalise.bridges.folder import BridgeFolder

BASE = "base"
"""Name of the bridge in the settings, which learned ones start from."""


class Standing(str, Enum):
    """The status of a bridge."""

    BASE = "base"
    ACCEPTED = "accepted"  # by the gate
    REJECTED = "rejected"  # by the gate
    UNJUDGED = "not judged"
    ERASED = "erased"  # with an exchange it had learned from
    MISSING = "file is gone"  # although the gate accepted it
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Entry:
    """One bridge."""

    version: str
    head: str  # kind of bridge
    standing: Standing
    answers: bool
    is_base: bool
    path: Path | None  # of its file, if it exists
    record: BridgeRecord | None  # of its training, if it was trained here

    @property
    def why(self) -> str | None:
        """The gate's reason."""
        why = self.verdict.get("why")
        return why if isinstance(why, str) else None

    def number(self, name: str) -> float | None:
        """A figure of the gate's verdict, if there is one."""
        found = self.verdict.get(name)
        return float(found) if isinstance(found, int | float) else None

    def as_json(self) -> dict[str, object]:
        """The bridge as JSON values, without its loss curve."""
        record = self.record
        return {
            "version": self.version,
            "head": self.head,
            "standing": self.standing.value,
            "answers": self.answers,
            "file": None if self.path is None else str(self.path),
            "created_at": record and record.created_at.isoformat(),
            "start": record and record.start,
            "examples": None if record is None else list(record.turns),
            "accepted": record and record.accepted,
            "verdict": record and record.verdict,
            "erased_at": record and record.erased_at and record.erased_at.isoformat(),
        }

    def curve_as_json(self) -> list[dict[str, float | None]]:
        """The loss curve as JSON values, which cannot be infinite."""
        points = self.record.curve if self.record else ()
        return [
            {
                name: value if value is None or math.isfinite(value) else None
                for name, value in cast("dict[str, float | None]", asdict(point)).items()
            }
            for point in points
        ]

    @property
    def verdict(self) -> Mapping[str, object]:
        """The gate's reason and figures; empty if it was not judged here."""
        return (self.record and self.record.verdict) or {}


def entries(
    base: Path | None, folder: BridgeFolder, lineage: Lineage, answering: str | None
) -> list[Entry]:
    """All bridges, the latest trained first, the base bridge last.

    Args:
        base: file of the base bridge, if the settings name one.
        folder: files of the learned ones.
        lineage: records of the learned ones.
        answering: version in use, ``BASE``, or ``None`` if unknown.

    Raises:
        CheckpointError: if the folder cannot be read.
        JournalError: if the records cannot be read.
    """
    held = set(folder.versions())
    found: dict[str, Entry] = {}
    for record in lineage.records():
        version = record.version
        found.setdefault(
            version,
            Entry(
                version=version,
                head=record.head,
                standing=_standing(record, is_held=version in held),
                answers=version == answering,
                is_base=False,
                path=folder.path(version) if version in held else None,
                record=record,
            ),
        )
    for version in sorted(held - found.keys()):  # copied from another device, say
        found[version] = _unrecorded(folder.path(version), answering, version)
    bridges = list(found.values())
    return bridges if base is None else [*bridges, _unrecorded(base, answering)]


def find(bridges: Sequence[Entry], prefix: str) -> Entry:
    """The bridge whose version has this prefix, or ``BASE``.

    Raises:
        CheckpointError: if there is none, or more than one.
    """
    found = [each for each in bridges if each.version.startswith(prefix)] if prefix else []
    if prefix == BASE:
        found = [each for each in bridges if each.is_base]
    if not found:
        raise CheckpointError(
            f"There is no bridge {prefix!r}. 'assistant bridge list' shows them all."
        )
    if len(found) > 1:
        raise CheckpointError(
            f"More than one bridge begins with {prefix}: "
            f"{', '.join(each.version for each in found)}. Type more of the version."
        )
    return found[0]


def _standing(record: BridgeRecord, *, is_held: bool) -> Standing:
    if record.erased_at is not None:
        return Standing.ERASED
    if record.accepted is None:
        return Standing.UNJUDGED
    if not record.accepted:
        return Standing.REJECTED
    return Standing.ACCEPTED if is_held else Standing.MISSING


def _unrecorded(path: Path, answering: str | None, version: str | None = None) -> Entry:
    """A bridge that was not trained here; without a ``version`` it is the base bridge."""
    head = own_version = ""
    standing = Standing.DAMAGED
    with suppress(CheckpointError):
        original = checkpoint.summary(path)
        head, own_version = original.kind, original.version
        standing = Standing.ACCEPTED if original.accepted else Standing.UNJUDGED
        if version is None:
            standing = Standing.BASE
    return Entry(
        version=own_version if version is None else version,
        head=head,
        standing=standing,
        answers=answering == (version or BASE),
        is_base=version is None,
        path=path,
        record=None,
    )
