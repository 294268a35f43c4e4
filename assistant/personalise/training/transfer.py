"""Transferring a bridge to another language model without any recordings.

What a bridge has learned about speech stays; only its last layer depends on tokens. One that has
none, of the kinds ``letters`` and ``adapted``, works with any language model unchanged. A ``ctc``
bridge keeps the tokens that both models have. For other kinds, a linear map between the two
embedding tables is multiplied into the weights, so the result is an ordinary checkpoint.
It is accepted only if it does well on held-out speech.
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
"""Sentences of common talk whose tokens are preferred in fitting the map."""


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A bridge for another language model, and how well the transfer went."""

    checkpoint: Checkpoint
    how: str  # a sentence for a person, as in "Tokens kept: 9 of 10"


def carried(found: Checkpoint, old: Tokens, new: Tokens, said: Iterable[int] = ()) -> Carried:
    """Transfer a bridge, of any kind but letters, from an old to a new language model.

    ``said`` has the new model's tokens that are said in this home and in common talk.

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
    settings: Settings, old: Path, version: str | None, on_event: Callable[[Event | Carried], None]
) -> Judged | Nothing:
    """Transfer a bridge to the settings' language model, judge it, and promote it if accepted.

    Args:
        settings: all of them; ``generate.path`` names the new model.
        old: GGUF of the model that the bridge was made for.
        version: which bridge; ``"base"``: the settings' one; ``None``: the one in use.
        on_event: called with every event and with the transferred bridge.

    Raises:
        AttuneError: if a model or folder cannot be opened, a training is running, or the bridge
            cannot be transferred.
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
                f"Bridge {found.version} does not depend on the language model, so it works with "
                "any."
            )
        if found.table == after.embedding_fingerprint:
            return Nothing(
                f"Bridge {found.version} already fits the language model {settings.generate.path}."
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
        on_event(over)
        candidate = over.checkpoint
        held_out = [example for example in taught if example.held_out]

        def judged() -> Verdict:
            if not held_out:
                why = "there are no recordings kept as a test yet to judge it by"
                return Verdict(accepted=False, why=why, numbers={"held_out": 0})
            heard = hear(settings, journal, held_out, lambda done, of: on_event(Encoded(done, of)))
            return verdict_on(settings, heard, Trained(candidate.weights, ()), candidate, on_event)

        turns = () if start == "base" else _turns(lineage, start)
        record = Record(candidate.config.kind, start, turns)
        outcome = conclude(folder, journal, candidate, record, judged)
    on_event(outcome)
    return outcome


def _chosen(
    settings: Settings, folder: BridgeFolder, version: str | None
) -> tuple[str, Checkpoint]:
    """The bridge to transfer, and its name."""
    if version is None:
        version = folder.current or "base"
    if version != "base":
        return version, folder.read(version)
    if settings.bridge.path is None:
        raise BridgeError(
            "There is no bridge to transfer. 'assistant bridge list' shows all bridges; "
            "'assistant bridge bootstrap' makes one for this pair of models."
        )
    return "base", checkpoint.read(settings.bridge.path)


def _turns(lineage: Lineage, version: str) -> tuple[int, ...]:
    """The exchanges a learned bridge was trained on, whose traces are transferred, too."""
    return next((each.turns for each in lineage.records() if each.version == version), ())
