"""How every training ends: a candidate is judged, recorded, stored and perhaps promoted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from torch import Tensor

KEPT = (1.0, 0.7, 0.5)
"""How much of what was learned is kept: less only if all of it would harm other voices."""

REJECTED = 3
"""Number of rejected bridges whose files are kept."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a bridge was made, as recorded in the journal."""

    head: str  # its kind
    start: str  # name of the bridge that the training started from
    turns: Sequence[int]  # the exchanges it learned from
    curve: Sequence[CurvePoint] = ()  # of the loss


def name_of(settings: Settings, head: Head, seen: Sequence[object]) -> str:
    """Identifies a training by its start, its examples (JSON values) and its settings."""
    parts = (
        head.checkpoint.version,
        settings.personalise.model_dump_json(exclude={"threads", "memory_mb", "max_minutes"}),
        seen,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def candidates(start: Checkpoint, trained: Trained, **provenance: object) -> Iterator[Checkpoint]:
    """What a training led to, then less and less of it, to try while it would harm others."""
    for kept in KEPT:
        yield candidate_of(start, trained, kept, **provenance)


def candidate_of(
    start: Checkpoint, trained: Trained, kept: float = 1.0, **provenance: object
) -> Checkpoint:
    """The trained bridge with its provenance, marked as accepted for when it is promoted.

    Args:
        start: what the training began with.
        trained: what it led to.
        kept: the share of the way between both, which trades the user's voice for all others
            (Wortsman and others 2022, "Robust fine-tuning of zero-shot models").
        provenance: how it came about.
    """
    config = start.config
    return replace(
        start,
        config=kinds.of(config).trained(config),
        weights={
            name: _between(start.weights[name], weight.cpu(), kept)
            for name, weight in trained.weights.items()
        },
        accepted=True,
        provenance={
            **provenance,
            "steps": trained.curve[-1].step,
            "kept": kept,
            "trained_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        },
    )


def _between(begun: Tensor, learned: Tensor, kept: float) -> Tensor:
    return learned if kept == 1.0 else begun.to(learned.dtype).lerp(learned, kept)


def verdict_on(
    settings: Settings,
    heard: TrainingFeatures,
    trained: Trained,
    candidate: Checkpoint,
    on_event: Callable[[Event], None],
) -> Verdict:
    """The gate's verdict, which takes minutes and is needed only if something was learned.

    Raises:
        AttuneError: if the language model or the candidate cannot be used.
    """
    if trained.has_learned:
        folder = BridgeFolder(settings.bridges)
        return judge(
            settings, folder, heard, candidate, lambda done, of: on_event(Judging(done, of))
        )
    why = "the training never did better in the test, so there was nothing to learn from it"
    return Verdict(accepted=False, why=why, numbers={"held_out": len(heard.held_out)})


def conclude(
    folder: BridgeFolder,
    journal: Journal,
    candidate: Checkpoint,
    record: Record,
    judged: Callable[[], Verdict],
) -> Judged | Nothing:
    """Record a candidate, have it judged, store it, and promote it if the gate accepts it.

    Raises:
        TrainingError: if an exchange it learned from has been erased; the bridge is destroyed.
        AttuneError: if it cannot be judged or stored.
    """
    lineage, version = Lineage(journal), candidate.version
    if version == folder.current and folder.is_whole(version):
        return Nothing("This training leads to the version that is already in use.")
    number = lineage.trained(version, record.head, record.start, record.turns, record.curve)
    verdict = judged()
    lineage.judged(number, {"why": verdict.why, **verdict.numbers}, accepted=verdict.accepted)
    if verdict.accepted or not folder.is_whole(version):  # one promoted earlier stays
        folder.add(replace(candidate, accepted=verdict.accepted))
    if verdict.accepted:
        folder.promote(version)
    else:
        _tidy(folder, lineage)
    # an erasure deletes an example first and then looks for its bridges
    if not journal.exist(record.turns):
        folder.destroy(version)
        raise TrainingError(
            "Exchanges that were learned from have been erased, so what was learned was destroyed. "
            "Train again."
        )
    return Judged(version, verdict.accepted, verdict.why, verdict.numbers)


def _tidy(folder: BridgeFolder, lineage: Lineage) -> None:
    """Keep only the files of the latest few rejected bridges, for inspection."""
    rejected = [each.version for each in lineage.records() if not each.accepted]
    used = {each.version for each in lineage.records() if each.accepted}
    for version in rejected[REJECTED:]:
        if version not in used and folder.path(version).is_file():
            folder.destroy(version)
