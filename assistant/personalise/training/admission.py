"""A judged bridge on its way into the folder of bridges."""

from __future__ import annotations

from dataclasses import replace

from assistant.bridge.checkpoint import Checkpoint
from assistant.errors import TrainingError
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.training.events import Judged


def admit(
    journal: Journal, folder: BridgeFolder, record: int, candidate: Checkpoint, verdict: Verdict
) -> Judged:
    """Keep a recorded bridge with its verdict, and promote it if the gate has accepted it.

    Args:
        journal: holds the record and what has taught the bridge.
        folder: where it goes.
        record: number of its record.
        candidate: the bridge.
        verdict: the gate's.

    Raises:
        TrainingError: if what has taught the bridge has been erased meanwhile; it is destroyed.
        AttuneError: if it cannot be kept.
    """
    lineage, version = Lineage(journal), candidate.version
    lineage.judged(record, {"why": verdict.why, **verdict.numbers}, accepted=verdict.accepted)
    if verdict.accepted or not folder.is_whole(version):  # one promoted before stays so
        folder.add(replace(candidate, accepted=verdict.accepted))
    if verdict.accepted:
        folder.promote(version)
    # whoever erases an example deletes it first and looks for its bridges then
    if not journal.exist(lineage.find(version).turns):
        folder.destroy(version)
        raise TrainingError(
            "Exchanges that the new bridge has learned from have been erased meanwhile, so it was "
            "destroyed. Give the command again."
        )
    return Judged(version, verdict.accepted, verdict.why, verdict.numbers)
