"""Erasure of what was said, and of everything learned from it.

A note of what to erase is written first and removed last, and every step in between can be
repeated, so ``resume_erasure`` finishes an erasure that was interrupted anywhere.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from assistant.config import JournalSettings
from assistant.errors import CheckpointError, JournalError
from assistant.journal import restore, sounds
from assistant.journal.backup import Places, unfinished
from assistant.journal.deletion import with_room
from assistant.journal.lineage import Lineage
from assistant.journal.retention import expired
from assistant.journal.store import Journal
from assistant.personalise.bridges import training_files
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.shred import shred

RETRAIN_DUE = "retrain_due"
"""Stored, with the reason, if a bridge must be retrained without waiting for examples."""

WIPE_S = 1.5
"""Longest rewrite of the database at once; shorter than a turn waits for the journal."""

_NOTE = "erasing:"
_EVERYTHING = "everything"
_MARKED = TypeAdapter(dict[int, str | None] | list[int])


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased."""

    turns: int
    bridges: tuple[str, ...]  # versions whose files were destroyed
    wiped: bool  # False: SQLite's stray copies remain until the database can be rewritten
    current: str | None = field(default=None, compare=False)  # version in use from now on
    learns_again: bool = field(default=False, compare=False)  # from the rest, when it is idle


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be forgotten of what is in use."""

    recordings: int  # from which it was learned
    left: datetime | None  # when that was learned which is used then; None: nothing was


def loss(journal: Journal, folder: BridgeFolder, turn_ids: Iterable[int]) -> Loss | None:
    """What would be forgotten with these exchanges; ``None``: nothing that is in use."""
    lineage = Lineage(journal)
    tainted = {record.version for record in lineage.taught_by(turn_ids)}
    with suppress(CheckpointError):  # which the erasure itself reports
        current = folder.current
        if current not in tainted:
            return None
        records = {record.version: record for record in reversed(lineage.records())}
        after = records.get(folder.without(tainted) or "")
        return Loss(len(records[current].turns), None if after is None else after.created_at)
    return None


def erase(
    journal: Journal, folder: BridgeFolder, turn_ids: Iterable[int], replies: Path | None
) -> Erased:
    """Erase exchanges, their features and spoken replies, and every bridge that learned from them.

    This includes copies kept by a restore; a copy that cannot be searched is erased entirely.

    Args:
        journal: holds the exchanges.
        folder: learned bridges; the newest one that did not learn from them is used next.
        turn_ids: the exchanges; missing ones are ignored.
        replies: folder of spoken replies, in addition to the usual one next to the journal.

    Raises:
        AttuneError: if a file or the database cannot be written; the rest is done later.
    """
    started = {each.id: each.started_at for each in journal.kept()}
    note = json.dumps({each: started.get(each) for each in turn_ids})
    with with_room(journal.path):
        journal.remember(_new_note(), note)
        return _carry_out(journal, folder, replies, _time_is_up())


def forget(journal: Journal, folder: BridgeFolder, replies: Path | None) -> Erased:
    """Erase everything said and learned, but not the settings; raises as ``erase``."""
    with with_room(journal.path):
        journal.remember(_new_note(), _EVERYTHING)
        return _carry_out(journal, folder, replies, _time_is_up())


def retain(
    journal: Journal,
    folder: BridgeFolder,
    settings: JournalSettings,
    replies: Path | None,
    now: datetime,
) -> Erased | None:
    """Erase what exceeds the age and size limits in the settings; raises as ``erase``."""
    gone = expired(journal.kept(), settings, now) if settings.keep_days or settings.keep_mb else []
    return erase(journal, folder, gone, replies) if gone else None


def resume_erasure(
    journal: Journal,
    folder: BridgeFolder,
    replies: Path | None,
    stop: Callable[[], bool] | None = None,
) -> Erased | None:
    """Finish interrupted erasures; ``None`` if there were none. Raises as ``erase``.

    ``stop`` is polled while the database is rewritten, during which no other process can write; by
    default it becomes true after ``WIPE_S``.
    """
    if not journal.memories(_NOTE):
        _destroy(folder, _returned(Lineage(journal), folder))
        return None
    with with_room(journal.path):
        return _carry_out(journal, folder, replies, stop or _time_is_up())


def _carry_out(
    journal: Journal, folder: BridgeFolder, replies: Path | None, stop: Callable[[], bool]
) -> Erased:
    notes = journal.memories(_NOTE)
    ids = pending(journal)
    everything = ids is None
    lineage = Lineage(journal)
    # Exchanges first: from here on no new bridge that learned from them can be recorded.
    held = folder.versions()
    if everything:
        turns = journal.clear(keeping=_NOTE)
        tainted = held
    else:
        turns = journal.delete(ids)
        tainted = [record.version for record in lineage.taught_by(ids)]
        if not set(held).isdisjoint(tainted):
            journal.remember(RETRAIN_DUE, "erasure")
    _destroy(folder, tainted)
    for version in tainted:
        lineage.erased(version)
    _destroy(folder, _returned(lineage, folder))
    if everything:
        shred([folder.state])
        folder.repair()
    shred(training_files.learned(folder.folder, everything=everything))
    shred(_sounds(journal, replies, ids))
    wiped = journal.scrub(stop)
    for copy in restore.copies(Places(journal.path, folder.folder)):
        wiped = _reach(copy, ids, stop) and wiped
    for copy in unfinished(journal.path.parent):
        _reach(copy, None, stop)
    if wiped:
        for name in notes:
            journal.forget(name)
    lost = tuple(version for version in held if version in tainted)
    due = journal.remembered(RETRAIN_DUE) is not None
    return Erased(turns, lost, wiped, folder.current if lost else None, due)


def pending(journal: Journal) -> dict[int, str | None] | None:
    """What unfinished erasures name: exchanges with their start times, or ``None``: everything.

    Raises:
        JournalError: also if a note cannot be read.
    """
    notes = journal.memories(_NOTE).values()
    if _EVERYTHING in notes:
        return None
    found: dict[int, str | None] = {}
    for note in notes:
        found |= _marked(note)
    return found


def _returned(lineage: Lineage, folder: BridgeFolder) -> list[str]:
    """Erased versions in the folder again, because a training was just writing them."""
    records = lineage.records()
    erased = {record.version for record in records if record.erased_at}
    erased -= {record.version for record in records if not record.erased_at}
    return [version for version in folder.versions() if version in erased]


def _destroy(folder: BridgeFolder, versions: Iterable[str]) -> None:
    for version in versions:
        folder.destroy(version)


def _reach(copy: Places, ids: Mapping[int, str | None] | None, stop: Callable[[], bool]) -> bool:
    """Erase exchanges, or everything, from a restore's copy; returns whether it is wiped."""
    if ids is not None and copy.journal.is_file():
        with suppress(JournalError), Journal(copy.journal) as journal:  # otherwise it is damaged
            same = {at.id for at in journal.kept() if ids.get(at.id) == at.started_at}
            if same:
                journal.remember(_new_note(), json.dumps(dict.fromkeys(same)))
            if not journal.memories(_NOTE):
                return True
            return _carry_out(journal, BridgeFolder(copy.bridges), None, stop).wiped
    shred(restore.files(copy))
    shutil.rmtree(copy.bridges, ignore_errors=True)
    return True


def _marked(note: str) -> dict[int, str | None]:
    try:
        found = _MARKED.validate_json(note)
    except ValueError:
        raise JournalError(
            f"A note of what was to be erased cannot be read ({note[:40]!r}), so something may be "
            "left. Erase it again, or everything with 'assistant forget-me'."
        ) from None
    return dict.fromkeys(found) if isinstance(found, list) else found


def _sounds(
    journal: Journal, replies: Path | None, ids: Mapping[int, str | None] | None
) -> Iterator[Path]:
    """Spoken replies of these exchanges, or of all."""
    for folder in {journal.path.parent / "replies", replies} - {None}:
        for path in () if folder is None else folder.glob("*.wav"):
            if sounds.belongs(path.name, ids):
                yield path


def _new_note() -> str:
    return f"{_NOTE}{uuid.uuid4().hex}"


def _time_is_up() -> Callable[[], bool]:
    deadline = time.monotonic() + WIPE_S
    return lambda: time.monotonic() > deadline
