"""A fifth kind of bridge, in one module: the one token that a whole utterance sounds like."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.batch import Batch
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import (
    Head,
    Joined,
    Kind,
    Reader,
    Reading,
    TrainingContext,
    places_of,
)
from assistant.bridge.kinds.shared_tokens import texts_of
from assistant.bridge.language import Language, Tokens
from assistant.nets.projector_config import ProjectorConfig
from assistant.values import SpeechFeatures


class Toy(Kind):
    retrain_steps = 3
    bootstrap_steps = 5

    def network(self, config: ProjectorConfig) -> nn.Module:
        return nn.Linear(config.encoder_dim, config.candidates)

    def last_matrix(self, _network: str) -> str:
        return "weight"

    def reader(self, joined: Joined) -> Reader:
        rows = joined.rows(joined.checkpoint.config.candidates)

        def read(features: SpeechFeatures) -> Reading:
            shares: Tensor = joined.output(features).mean(0).softmax(-1)
            best = int(shares.argmax())
            token = int(joined.checkpoint.token_ids[best])
            return Reading(rows[[best]], [token], float(shares[best]))

        return read

    def untrained(self, context: TrainingContext, tokens: Collection[int]) -> Checkpoint:
        return self._drawn(context, "toy", tokens, candidates=len(tokens))

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        return ToyHead(found, context.language)

    def widened(self, found: Checkpoint, tokens: Iterable[int]) -> Checkpoint:
        new = sorted(set(tokens) - set(found.token_ids.tolist()))
        token_ids = np.array([*found.token_ids.tolist(), *new], np.int64)
        weight, bias = found.weights["weight"], found.weights["bias"]
        weights = {
            "weight": torch.cat([weight, torch.zeros(len(new), weight.shape[1])]),
            "bias": torch.cat([bias, torch.zeros(len(new))]),
        }
        config = found.config.model_copy(update={"candidates": len(token_ids)})
        return replace(found, config=config, token_ids=token_ids, weights=weights)

    def carried(
        self, found: Checkpoint, old: Tokens, new: Tokens, _said: set[int]
    ) -> tuple[Checkpoint, str]:
        places = texts_of(new)
        token_ids = [places.get(old.text([token]), new.pad) for token in found.token_ids.tolist()]
        return replace(found, token_ids=np.array(token_ids, np.int64)), "Looked up"


class ToyHead(Head):
    def __init__(self, checkpoint: Checkpoint, language: Language) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._places = places_of(checkpoint)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        first = [self._places[self._language.tokens(pair.text)[0]] for pair in batch.pairs]
        return functional.cross_entropy(network(batch.frames.mean(1)), torch.tensor(first))


KIND = Toy()
