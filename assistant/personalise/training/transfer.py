"""A bridge carried over to another language model without any recording.

What a bridge has learned of speech stays; only its last layer speaks of tokens. ``letters`` reads
with any language model as it is. A ``ctc`` bridge keeps the tokens that the other model has, too.
Those that fill slots or score rows go through a linear map between the two embedding tables,
which is multiplied into their own weights, so the result is an ordinary checkpoint. It counts as
accepted only where held-out speech says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Language
from assistant.config import Settings
from assistant.encode.encoder import open_encoder
from assistant.errors import BridgeError
from assistant.generate.vocabulary import vocabulary
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.nets import alignment
from assistant.nets.alignment import LinearMap
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.common_talk import sentences
from assistant.personalise.data.examples import examples
from assistant.personalise.data.features import hear
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.training.admission import admit
from assistant.personalise.training.events import Event, Judged, Nothing
from assistant.personalise.training.retrain import alone, judge

MOST = 8_000
"""Shared tokens that a map is fitted on."""

LEAST = 64
"""Shared tokens below which no map can be fitted."""

PADDING = 0.5
"""Weight of the padding token's row beside all others': it fills most slots."""

COMMON = 400
"""Sentences of common talk whose tokens are fitted before all others."""

_LAST = {"bridgeformer": "output.2", "linear": "body", "mlp": "body.2"}
"""Kind of projector that fills slots to its last layer."""


class Tokens(Language, Protocol):
    """All tokens of a language model."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def pad(self) -> int:
        """The token that stands for nothing."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Tokens that two language models both have, by what they say."""

    old: NDArray[np.int64]  # (n,)
    new: NDArray[np.int64]  # (n,)

    @classmethod
    def between(cls, old: Tokens, new: Tokens) -> Shared:
        """The tokens of equal text; those that are no whole characters have none."""
        places = _texts(new)
        pairs = [(token, places[text]) for text, token in _texts(old).items() if text in places]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return cls(both[:, 0], both[:, 1])

    def chosen(self, first: Iterable[int]) -> Shared:
        """At most ``MOST`` of them in random order, tokens of the new model named first ahead."""
        named = np.isin(self.new, np.array(sorted(set(first)), np.int64))
        order = np.random.default_rng(0).permutation(len(self.old))
        order = order[np.argsort(~named[order], kind="stable")][:MOST]
        np.random.default_rng(1).shuffle(order)
        return Shared(self.old[order], self.new[order])


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
    said = set(said)
    if found.config.kind == "ctc":
        after, how = _respelled(found, old, new)
    else:
        shared = Shared.between(old, new)
        if len(shared.old) < LEAST:
            raise _strangers(len(shared.old))
        remade = _rescored if found.config.kind == "anchored" else _remapped
        after, how = remade(found, old, new, shared.chosen(said))
        after = _reading(after, shared, said, new.pad)
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
        if candidate.version == folder.current and folder.is_whole(candidate.version):
            return Nothing(f"Bridge {candidate.version}, which answers, is just that already.")
        record = lineage.trained(
            candidate.version,
            candidate.config.kind,
            start,
            () if start == "base" else _turns(lineage, start),
            (),
        )
        held_out = [example for example in taught if example.held_out]
        if held_out:
            heard = hear(settings, journal, held_out, tell)
            verdict = judge(settings, folder, heard, candidate, tell)
        else:
            verdict = Verdict(
                accepted=False,
                why="there are no held-out recordings yet to judge it by",
                numbers={"held_out": 0},
            )
        outcome = admit(journal, folder, record, candidate, verdict)
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


def _texts(language: Tokens) -> dict[str, int]:
    """What tokens say, without control tokens and parts of characters; the last of equal ones."""
    texts = ((language.text([token]), token) for token in range(language.size))
    return {text: token for text, token in texts if text and "\ufffd" not in text}


def _respelled(found: Checkpoint, old: Tokens, new: Tokens) -> tuple[Checkpoint, str]:
    """CTC's candidates as tokens of the new model.

    One without a counterpart becomes the first of the tokens that spell it where it begins a
    word, which is better than nothing until the bridge is trained anew; else it is left out.
    """
    places = _texts(new)
    begun: list[tuple[int, int]] = []  # output, token
    whole: list[tuple[int, int]] = []
    for at, token in enumerate(found.token_ids.tolist(), 1):
        text = old.text([token])
        if text in places:
            whole.append((at, places[text]))
        elif text.startswith(" ") and (spelled := new.tokens(text)):
            begun.append((at, spelled[0]))
    if not whole:
        raise _strangers(0)
    outputs, tokens = zip(*begun, *whole, strict=True)  # of two equal ones training takes the last
    kept = torch.tensor([0, *outputs])  # 0 is blank
    weights = {
        name: weight[kept] if name.startswith("output.") else weight
        for name, weight in found.weights.items()
    }
    config = found.config.model_copy(update={"candidates": len(tokens)})
    after = replace(found, config=config, token_ids=np.array(tokens, np.int64), weights=weights)
    how = f"Tokens kept: {len(whole)} of {len(found.token_ids)}"
    return after, how + f", only begun: {len(begun)}" * bool(begun)


def _reading(after: Checkpoint, shared: Shared, said: set[int], pad: int) -> Checkpoint:
    """A bridge of slots or anchors with the other model's tokens in place of the old ones.

    Slots are read as what is said alone: one that is not sure lies near the tokens that nobody
    says.
    """
    counterparts = dict(zip(shared.old.tolist(), shared.new.tolist(), strict=True))
    kept = {counterparts[token] for token in after.token_ids.tolist() if token in counterparts}
    is_anchored = after.config.kind == "anchored"
    tokens = kept | said if is_anchored else said or kept
    if after.pad is not None:
        tokens = tokens | {pad}
    candidates = len(tokens) if is_anchored else 0
    return replace(
        after,
        config=after.config.model_copy(update={"candidates": candidates}),
        token_ids=np.array(sorted(tokens), np.int64),
    )


def _remapped(
    found: Checkpoint, old: Tokens, new: Tokens, shared: Shared
) -> tuple[Checkpoint, str]:
    """A projector that fills slots, its last layer followed by the map between the tables."""
    olds, news = shared.old, shared.new
    weights = np.ones(len(olds), np.float32)
    if found.pad is not None:
        # in front, where no row is left to judge
        olds, news = np.insert(olds, 0, found.pad), np.insert(news, 0, new.pad)
        weights = np.insert(weights, 0, PADDING * len(weights))
    map_ = alignment.fit(old.rows(olds), new.rows(news), weights)
    matrix, offset = torch.as_tensor(map_.matrix), torch.as_tensor(map_.offset)
    layer = _LAST[found.config.kind]
    last = _floats(found.weights, f"{layer}.weight", f"{layer}.bias")
    changed = {
        f"{layer}.weight": matrix.T @ last[0],
        f"{layer}.bias": last[1] @ matrix + offset,
    }
    return replace(found, weights={**found.weights, **changed}), _told(map_, len(olds))


def _rescored(
    found: Checkpoint, old: Tokens, new: Tokens, shared: Shared
) -> tuple[Checkpoint, str]:
    """An anchored projector that takes and scores the new rows by way of the old ones.

    It sees rows of unit length only, and scores them by w · old = w · (B new + c): so B goes into
    what it is given and into w. All tokens then lack w · c against saying nothing, so that is
    taken off there.
    """
    back = alignment.fit(_unit(new.rows(shared.new)), _unit(old.rows(shared.old)))
    matrix, offset = torch.as_tensor(back.matrix), torch.as_tensor(back.offset)
    taken, taken_bias = _floats(found.weights, "token.weight", "token.bias")
    scored, scored_bias = _floats(found.weights, "output.weight", "output.bias")
    gates, gates_bias = _floats(found.weights, "gates.weight", "gates.bias")
    by_emission = scored.view(2, len(offset), -1)
    bias_by_emission = scored_bias.view(2, -1)
    gates, gates_bias = gates.clone(), gates_bias.clone()
    gates[1::2] -= offset @ by_emission  # of each emission the second gate says nothing
    gates_bias[1::2] -= bias_by_emission @ offset
    changed = {
        "token.weight": taken @ matrix.T,
        "token.bias": taken_bias + taken @ offset,
        "output.weight": (matrix @ by_emission).flatten(0, 1),
        "output.bias": (bias_by_emission @ matrix.T).flatten(),
        "gates.weight": gates,
        "gates.bias": gates_bias,
    }
    return replace(found, weights={**found.weights, **changed}), _told(back, len(shared.old))


def _floats(weights: Mapping[str, Tensor], *names: str) -> list[Tensor]:
    return [weights[name].float() for name in names]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _told(found: LinearMap, count: int) -> str:
    return (
        f"Map: {found.kind} over {count} shared tokens, nearest to the right one for "
        f"{100 * found.accuracy:.0f} % of those not fitted"
    )


def _strangers(count: int) -> BridgeError:
    return BridgeError(
        f"The two language models share {count} tokens, too few to carry a bridge over. "
        "'assistant bridge bootstrap' makes a new one for this pair."
    )
