"""How every training ends: a candidate, its verdict, its record and its place among the bridges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from assistant.bridge import kinds
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Head
from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.journal.lineage import CurvePoint, Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import TrainingFeatures
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.judging.judge import judge
from assistant.personalise.training.events import Event, Judged, Judging, Nothing
from assistant.personalise.training.trainer import Trained

REJECTED = 3
"""Rejected bridges whose files stay."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a bridge came about, as the journal keeps it."""

    head: str  # its kind
    start: str  # name of the bridge that the training started from
    turns: Sequence[int]  # the exchanges that have taught it
    curve: Sequence[CurvePoint] = ()  # of the loss


def name_of(settings: Settings, head: Head, seen: Sequence[object]) -> str:
    """Identifies a training: what it starts from, what it sees and how it goes.

    Args:
        settings: all of them.
        head: the bridge in the state that the training starts from.
        seen: what identifies the examples, as JSON can hold it.
    """
    parts = (
        head.checkpoint.version,
        settings.personalise.model_dump_json(exclude={"threads", "memory_mb", "max_minutes"}),
        seen,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def candidate_of(head: Head, trained: Trained, **provenance: object) -> Checkpoint:
    """The trained bridge; it counts as accepted once it is promoted, and only then is it kept.

    Args:
        head: the bridge in the state that the training started from.
        trained: what came out.
        provenance: what has taught it.
    """
    config = head.checkpoint.config
    return replace(
        head.checkpoint,
        config=kinds.of(config).trained(config),
        weights={name: weight.cpu() for name, weight in trained.weights.items()},
        accepted=True,
        provenance={
            **provenance,
            "steps": trained.curve[-1].step,
            "trained_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        },
    )


def verdict_on(
    settings: Settings,
    heard: TrainingFeatures,
    trained: Trained,
    candidate: Checkpoint,
    tell: Callable[[Event], None],
) -> Verdict:
    """The gate's verdict, which takes minutes and is asked for only where something was learned.

    Raises:
        AttuneError: if the language model or the candidate cannot be used.
    """
    if trained.has_learned:
        folder = BridgeFolder(settings.bridges)
        return judge(settings, folder, heard, candidate, lambda done, of: tell(Judging(done, of)))
    why = "the training never lowered the held-out loss, so there was nothing to learn from it"
    return Verdict(accepted=False, why=why, numbers={"held_out": len(heard.held_out)})


def conclude(
    folder: BridgeFolder,
    journal: Journal,
    candidate: Checkpoint,
    record: Record,
    judged: Callable[[], Verdict],
) -> Judged | Nothing:
    """Record a candidate, have it judged, keep it, and promote it if the gate accepts it.

    Args:
        folder: where it goes.
        journal: holds the records and what has taught the bridge.
        candidate: the bridge.
        record: how it came about.
        judged: gives the verdict.

    Raises:
        TrainingError: if what has taught the bridge has been erased meanwhile; it is destroyed.
        AttuneError: if it cannot be judged or kept.
    """
    lineage, version = Lineage(journal), candidate.version
    if version == folder.current and folder.is_whole(version):
        return Nothing("The bridge in use is already what this training leads to.")
    number = lineage.trained(version, record.head, record.start, record.turns, record.curve)
    verdict = judged()
    lineage.judged(number, {"why": verdict.why, **verdict.numbers}, accepted=verdict.accepted)
    if verdict.accepted or not folder.is_whole(version):  # one promoted before stays so
        folder.add(replace(candidate, accepted=verdict.accepted))
    if verdict.accepted:
        folder.promote(version)
    else:
        _tidy(folder, lineage)
    # whoever erases an example deletes it first and looks for its bridges then
    if not journal.exist(record.turns):
        folder.destroy(version)
        raise TrainingError(
            "Exchanges that the new bridge has learned from have been erased meanwhile, so it was "
            "destroyed. Train again."
        )
    return Judged(version, verdict.accepted, verdict.why, verdict.numbers)


def _tidy(folder: BridgeFolder, lineage: Lineage) -> None:
    """Keep the files of a few rejected bridges, to be looked at, and no more."""
    rejected = [each.version for each in lineage.records() if not each.accepted]
    used = {each.version for each in lineage.records() if each.accepted}
    for version in rejected[REJECTED:]:
        if version not in used and folder.path(version).is_file():
            folder.destroy(version)
