"""A bridge carried over to another language model without any recording.

What a bridge has learned of speech stays; only its last layer speaks of tokens. ``letters`` reads
with any language model as it is. A ``ctc`` bridge keeps the tokens that the other model has, too.
Those that fill slots or score rows go through a linear map between the two embedding tables,
which is multiplied into their own weights, so the result is an ordinary checkpoint. It counts as
accepted only where held-out speech says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.bridge import checkpoint, kinds
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.language import Tokens
from assistant.config import Settings
from assistant.encode.encoder import open_encoder
from assistant.errors import BridgeError
from assistant.generate.vocabulary import vocabulary
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.common_talk import sentences
from assistant.personalise.data.examples import examples
from assistant.personalise.data.features import hear
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.training.ending import Record, conclude, verdict_on
from assistant.personalise.training.events import Encoded, Event, Judged, Nothing
from assistant.personalise.training.retrain import alone
from assistant.personalise.training.trainer import Trained

COMMON = 400
"""Sentences of common talk whose tokens are fitted before all others."""


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A bridge for another language model, and how well it could be carried over."""

    checkpoint: Checkpoint
    how: str  # a sentence for a person, as in "Tokens kept: 9 of 10"


def carried(found: Checkpoint, old: Tokens, new: Tokens, said: Iterable[int] = ()) -> Carried:
    """A bridge made for one language model, for another one.

    Args:
        found: the bridge, of any kind but letters, which needs no change.
        old: the model it was made for.
        new: the model it is to be for.
        said: tokens of the new model that are said in this home and in common talk.

    Raises:
        BridgeError: if the two models share too few tokens.
    """
    after, how = kinds.of(found.config).carried(found, old, new, set(said))
    width = new.rows(after.token_ids[:1]).shape[1]
    return Carried(
        replace(
            after,
            config=after.config.model_copy(update={"llm_dim": width}),
            table=new.embedding_fingerprint,
            pad=None if found.pad is None else new.pad,
            accepted=False,
            provenance={
                **found.provenance,
                "carried_over_from": found.version,
                "carried_over_how": how,
            },
        ),
        how,
    )


def transfer(
    settings: Settings, old: Path, version: str | None, tell: Callable[[Event | Carried], None]
) -> Judged | Nothing:
    """Carry a bridge over to the language model of the settings, judge it, promote it if accepted.

    Args:
        settings: all of them; ``generate.path`` names the new model.
        old: GGUF of the model that the bridge was made for.
        version: which bridge; ``"base"``: that of the settings; ``None``: the one that answers.
        tell: hears every event, and what the carrying over gave.

    Raises:
        AttuneError: if a room cannot be opened, a training is under way, or the bridge cannot be
            carried over.
    """
    if not old.is_file():
        raise BridgeError(
            f"There is no file {old}. Give --from the GGUF of the language model that the bridge "
            "was made for."
        )
    with (
        alone(settings.bridges),
        Journal.open(settings.journal) as journal,
        vocabulary(settings.generate.path) as after,
    ):
        folder, lineage = BridgeFolder(settings.bridges), Lineage(journal)
        start, found = _chosen(settings, folder, version)
        if not found.table:
            return Nothing(
                f"Bridge {found.version} reads letters and goes with any language model as it is."
            )
        if found.table == after.embedding_fingerprint:
            return Nothing(
                f"Bridge {found.version} fits the language model {settings.generate.path} as it is."
            )
        fingerprint = open_encoder(settings.encode).fingerprint
        with vocabulary(old) as before:
            if found.table != before.embedding_fingerprint:
                raise BridgeError(
                    f"Bridge {found.version} was not made for {old}. Give --from the GGUF that it "
                    "was made for, or name another one from 'assistant bridge list'."
                )
            found.require(fingerprint, before.embedding_fingerprint)
            taught = examples(journal.turns(), settings.personalise)
            texts = (*sentences(COMMON), *(example.text for example in taught))
            said = {token for text in texts for token in after.tokens(text)}
            over = carried(found, before, after, said)
        tell(over)
        candidate = over.checkpoint
        held_out = [example for example in taught if example.held_out]

        def judged() -> Verdict:
            if not held_out:
                why = "there are no held-out recordings yet to judge it by"
                return Verdict(accepted=False, why=why, numbers={"held_out": 0})
            heard = hear(settings, journal, held_out, lambda done, of: tell(Encoded(done, of)))
            return verdict_on(settings, heard, Trained(candidate.weights, ()), candidate, tell)

        turns = () if start == "base" else _turns(lineage, start)
        record = Record(candidate.config.kind, start, turns)
        outcome = conclude(folder, journal, candidate, record, judged)
    tell(outcome)
    return outcome


def _chosen(
    settings: Settings, folder: BridgeFolder, version: str | None
) -> tuple[str, Checkpoint]:
    """The bridge to be carried over, and what it is called."""
    if version is None:
        version = folder.current or "base"
    if version != "base":
        return version, folder.read(version)
    if settings.bridge.path is None:
        raise BridgeError(
            "There is no bridge to carry over. 'assistant bridge list' shows those there are; "
            "'assistant bridge bootstrap' makes one for this pair of models."
        )
    return "base", checkpoint.read(settings.bridge.path)


def _turns(lineage: Lineage, version: str) -> tuple[int, ...]:
    """The exchanges that a learned bridge was trained on: what it knows of them goes over, too."""
    return next((each.turns for each in lineage.records() if each.version == version), ())
