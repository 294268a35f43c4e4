"""``ctc``: CTC over a subset of the LLM's own tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from assistant.bridge.batch import Batch
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import (
    Head,
    Joined,
    Kind,
    Reader,
    Reading,
    TrainingContext,
    ctc_loss,
    places_of,
)
from assistant.bridge.kinds.shared_tokens import strangers, texts_of
from assistant.bridge.language import Language, Tokens
from assistant.nets import ctc
from assistant.nets.ngram import BEGINNING
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.tokenctc import BLANK, TokenCTC, emissions
from assistant.values import SpeechFeatures


class _CTCKind(Kind):
    """Has one output for each token in its header."""

    retrain_steps = 150
    bootstrap_steps = 3_000

    def network(self, config: ProjectorConfig) -> nn.Module:
        return TokenCTC(
            config.encoder_dim, config.candidates, config.hidden, config.heads, config.layers
        )

    def last_matrix(self, _network: str) -> str:
        return "output.weight"

    def takes_bfloat16(self, _network: str) -> bool:
        return True

    def reader(self, joined: Joined) -> Reader:
        """CTC emissions over candidate tokens.

        Without an n-gram, each is the posterior-weighted mixture of its possible rows; an n-gram
        decides on a single row.
        """
        rows = joined.rows(joined.checkpoint.config.candidates)
        token_ids, calibration = joined.checkpoint.token_ids, joined.calibration
        fusion = _fusion(joined)

        def read(features: SpeechFeatures) -> Reading:
            output = joined.output(features)
            if fusion is None:
                indexes, weights, certainty = (each.numpy() for each in emissions(output))
                mixture = (weights[..., None] * rows[indexes]).sum(axis=1)
                return Reading(mixture, token_ids[indexes[:, 0]].tolist(), calibration(certainty))
            posteriors = output.softmax(-1).numpy()
            found = ctc.search(np.log(posteriors + 1e-10), BLANK, fusion)
            spans = ctc.align(posteriors, found, BLANK)
            chosen = np.array(found, np.int64) - 1
            sure = calibration([span.confidence for span in spans])
            return Reading(rows[chosen], token_ids[chosen].tolist(), sure)

        return read

    def untrained(self, context: TrainingContext, tokens: Collection[int]) -> Checkpoint:
        return self._drawn(context, "ctc", tokens, candidates=len(tokens))

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        return CTCHead(found, context.language)

    def widened(self, found: Checkpoint, tokens: Iterable[int]) -> Checkpoint:
        """Adds outputs for more tokens, unlikely at first."""
        known = found.token_ids.tolist()
        new = sorted(set(tokens) - set(known))
        if not new:
            return found
        weight, bias = found.weights["output.weight"], found.weights["output.bias"]
        more = torch.zeros(len(new), weight.shape[1], dtype=weight.dtype)
        unlikely = torch.full((len(new),), float(bias[1:].mean()), dtype=bias.dtype)
        return replace(
            found,
            config=found.config.model_copy(update={"candidates": len(known) + len(new)}),
            token_ids=np.array([*known, *new], np.int64),
            weights={
                **found.weights,
                "output.weight": torch.cat([weight, more]),
                "output.bias": torch.cat([bias, unlikely]),
            },
        )

    def carried(
        self, found: Checkpoint, old: Tokens, new: Tokens, _said: set[int]
    ) -> tuple[Checkpoint, str]:
        """Replaces the candidates by the new model's tokens.

        A token without a counterpart is replaced, if it begins a word, by the first of the tokens
        that spell it, which is better than nothing until the bridge is retrained; others go.
        """
        places = texts_of(new)
        begun: list[tuple[int, int]] = []  # output, token
        whole: list[tuple[int, int]] = []
        for at, token in enumerate(found.token_ids.tolist(), 1):
            text = old.text([token])
            if text in places:
                whole.append((at, places[text]))
            elif text.startswith(" ") and (spelled := new.tokens(text)):
                begun.append((at, spelled[0]))
        if not whole:
            raise strangers(0)
        # training uses the last of two equal ones
        outputs, tokens = zip(*begun, *whole, strict=True)
        kept = torch.tensor([0, *outputs])  # 0 is blank
        weights = {
            name: weight[kept] if name.startswith("output.") else weight
            for name, weight in found.weights.items()
        }
        config = found.config.model_copy(update={"candidates": len(tokens)})
        after = replace(found, config=config, token_ids=np.array(tokens, np.int64), weights=weights)
        how = f"Tokens kept: {len(whole)} of {len(found.token_ids)}"
        return after, how + f", partly kept: {len(begun)}" * bool(begun)


KIND = _CTCKind()


class CTCHead(Head):
    """CTC over candidate tokens of the LLM."""

    def __init__(self, checkpoint: Checkpoint, language: Language) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._places = places_of(checkpoint)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """CTC, per token."""
        labels = [
            [self._places[token] + 1 for token in self._language.tokens(pair.text)]
            for pair in batch.pairs
        ]
        return ctc_loss(network(batch.frames, batch.lengths), labels, batch, BLANK)


def _fusion(joined: Joined) -> ctc.Fusion | None:
    """The encoder's character n-gram, applied to the candidates' texts, if there is one."""
    spelling, weight = joined.spelling, joined.settings.tuned.ngram_weight
    if spelling is None or spelling.fusion is None or not weight:
        return None
    texts = (joined.language.text([token]) for token in joined.checkpoint.token_ids.tolist())
    places = ((), *map(ctc.letters, texts))
    # words include their own space
    bonus = joined.settings.tuned.ngram_bonus
    return ctc.Fusion(spelling.fusion.ngram, places, weight, bonus, start=BEGINNING)
