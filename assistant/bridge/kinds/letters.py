"""``letters``: the encoder's own CTC symbols after a learned map for one speaker."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from torch import Tensor, nn

from assistant.bridge.batch import Batch
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import (
    Head,
    Joined,
    Kind,
    Reader,
    Reading,
    Source,
    TrainingContext,
    ctc_loss,
)
from assistant.errors import CheckpointError, TrainingError
from assistant.nets.letters import Letters
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.spelling import Spelling
from assistant.values import SpeechFeatures

TEMPERATURE = 2.0
"""Divides the logits of trained letters when reading. A map learned from a few dozen utterances is
overconfident, and reading weighs sound against an n-gram; on three simulated speakers the word
error rate fell from 0.24 to 0.18 (``bench/personalise.py``)."""

NO_LETTERS = (
    "The speech encoder does not write letters, so examples are kept but not learned from. Set "
    "personalise.head to 'anchored' to learn from its words, or encode.path to a wav2vec2 model or "
    "to a Whisper model in CTranslate2's format."
)
"""Why nothing is trained with other encoders unless the settings ask for another kind: with few
recordings to judge by, the gate once accepted a bridge over words trained on shuffled texts."""


class _LettersKind(Kind):
    """Works with any language model."""

    retrain_steps = 200
    bootstrap_steps = 300
    is_of_llm = False

    def network(self, config: ProjectorConfig) -> Letters:
        return Letters(config.encoder_dim, config.candidates)

    def last_matrix(self, _network: str) -> str:
        return "affine.weight"

    def reader(self, joined: Joined) -> Reader:
        spelling, config = joined.spelling, joined.checkpoint.config
        symbols = 0 if spelling is None else len(spelling.symbols)
        if spelling is None or symbols != config.candidates:
            raise CheckpointError(
                f"What was learned reads {config.candidates} letters, but the speech encoder "
                f"writes {symbols}; it is damaged. Go back with 'assistant bridge rollback', or "
                "use '--route transcript'."
            )

        def read(features: SpeechFeatures) -> Reading:
            said = spelling.transcript(joined.output(features).numpy(), config.temperature)
            tokens = joined.language.tokens(said.text)
            return Reading(joined.language.rows(tokens), tokens, said.confidence)

        return read

    def untrained(self, context: TrainingContext, _tokens: Collection[int]) -> Checkpoint:
        return untrained(context.source)

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        if context.source.spelling is None:
            raise TrainingError(NO_LETTERS)
        return LettersHead(found, context.source.spelling)

    def obstacle(self, source: Source) -> str | None:
        return NO_LETTERS if source.spelling is None or source.ctc_head is None else None

    def trained(self, config: ProjectorConfig) -> ProjectorConfig:
        return config.model_copy(update={"temperature": TEMPERATURE})


KIND = _LettersKind()


def untrained(source: Source) -> Checkpoint:
    """The identity map; raises ``TrainingError`` if the encoder does not write letters."""
    if source.spelling is None or source.ctc_head is None:
        raise TrainingError(NO_LETTERS)
    weight, bias = source.ctc_head
    symbols = len(source.spelling.symbols)
    config = ProjectorConfig(
        kind="letters", encoder_dim=weight.shape[1], llm_dim=0, candidates=symbols
    )
    network = KIND.network(config)
    network.begin(weight, bias)
    none = np.empty(0, np.int64)
    return Checkpoint(config, source.fingerprint, "", none, None, network.state_dict())


class LettersHead(Head):
    """CTC over the encoder's own symbols after the speaker's map."""

    def __init__(self, checkpoint: Checkpoint, spelling: Spelling) -> None:
        self.checkpoint = checkpoint
        self._spelling = spelling

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """CTC, per letter."""
        labels = [self._spelling.labels(pair.text) for pair in batch.pairs]
        return ctc_loss(network(batch.frames, batch.lengths), labels, batch, self._spelling.blank)
