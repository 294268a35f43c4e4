"""What a kind of bridge defines: its network and how to read, train and transfer it.

Every kind sees only the encoder's features and the LLM's tokens and rows; none runs the LLM.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.batch import Batch, Pair, masked, seed
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.language import Language, Tokens
from assistant.config import BridgeSettings, PersonaliseSettings
from assistant.errors import BridgeError, CheckpointError
from assistant.nets.calibration import WHISPER, Calibration
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.spelling import Spelling
from assistant.values import Adaptation, SpeechFeatures


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A projector's reading of an utterance."""

    rows: NDArray[np.float32]  # shape (n_tokens, llm_dim)
    tokens: list[int]  # what the rows stand for
    confidence: float  # the chance that all of it is right, 0 to 1; 0 if empty


Reader = Callable[[SpeechFeatures], Reading]
"""Reads one utterance with a network."""


class Head(ABC):
    """A bridge in training."""

    checkpoint: Checkpoint  # where the training starts

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch, /) -> Tensor:
        """The training objective, averaged over the batch's symbols."""

    def batch(self, pairs: Sequence[Pair], *, training: bool) -> Batch:
        """What ``loss`` needs of some pairs; varied at random to train on them."""
        whole = Batch.of(pairs)
        return masked(whole) if training else whole


class Recogniser(Protocol):
    """What a training needs of a Whisper recogniser whose own weights are to learn."""

    @property
    def path(self) -> Path:
        """Its own weights, in CTranslate2's format."""
        ...

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """All weights that it hears with, by name; ``OSError`` or ``ValueError`` if damaged."""
        ...

    @property
    def start(self) -> list[int]:
        """The tokens before every transcript."""
        ...

    def tokens(self, text: str) -> list[int]:
        """The tokens of a transcript that says these spoken words, and of its end."""
        ...

    def columns(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The spectrogram (n_mels, n_columns) of mono 16 kHz sound and some silence."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a training needs from the encoder whose features it uses."""

    fingerprint: str
    dim: int  # width of the features
    spelling: Spelling | None = None  # None if the encoder does not write letters
    ctc_head: tuple[Tensor, Tensor] | None = None  # weight (symbols, dim), bias (symbols,)
    recogniser: Recogniser | None = None  # None if its own weights cannot learn


@dataclass(frozen=True, slots=True, eq=False)
class TrainingContext:
    """What a bridge is made from before it is given any speech."""

    settings: PersonaliseSettings
    source: Source
    language: Tokens


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """A bridge with the models it is used with."""

    checkpoint: Checkpoint
    network: nn.Module
    language: Language
    spelling: Spelling | None  # the encoder's symbols, if it writes letters
    settings: BridgeSettings

    def output(self, features: SpeechFeatures, *others: object) -> Tensor:
        """The network's output for one utterance, without the batch dimension."""
        whole: Tensor = self.network(torch.as_tensor(features.frames.copy())[None], *others)
        return whole[0]

    @property
    def calibration(self) -> Calibration:
        """The confidence calibration for this encoder."""
        return WHISPER if self.spelling is None else self.spelling.calibration

    def rows(self, wanted: int) -> NDArray[np.float32]:
        """Rows of the bridge's tokens, (wanted, llm_dim); ``CheckpointError`` for another shape."""
        try:
            rows = self.language.rows(self.checkpoint.token_ids)
        except IndexError as error:
            raise CheckpointError(
                f"What was learned has words that the language model lacks ({error}); it is "
                "damaged. Restore it from a backup, or use '--route transcript'."
            ) from None
        width = self.checkpoint.config.llm_dim
        if rows.shape != (wanted, width):
            raise CheckpointError(
                f"What was learned specifies {wanted} rows of width {width}, but they have the "
                f"shape {rows.shape}; it is damaged. Restore it from a backup, or use "
                "'--route transcript'."
            )
        return rows


class Kind(ABC):
    """One kind of bridge."""

    retrain_steps: int
    """Training steps when starting from a trained bridge (``bench/personalise.py``)."""

    bootstrap_steps: int
    """Training steps when starting from scratch."""

    batch: int = 256
    """Most utterances per step."""

    learns_from_sound: bool = False
    """Whether it is trained on recordings, so that it needs features only of what judges."""

    averages: bool = False
    """Whether a training leads to the mean of all weights on its way instead of the last ones."""

    is_of_llm: bool = True
    """Whether such a bridge works with only one language model."""

    @abstractmethod
    def network(self, config: ProjectorConfig, /) -> nn.Module:
        """A freshly initialised network; raises ``ValueError`` if the sizes are inconsistent."""

    @abstractmethod
    def last_matrix(self, network: str, /) -> str:
        """Name of a network's last learned matrix, into embeddings, tokens or features."""

    @abstractmethod
    def reader(self, joined: Joined, /) -> Reader:
        """A reader; raises ``CheckpointError`` if symbols or tokens do not match the header."""

    @abstractmethod
    def untrained(self, context: TrainingContext, tokens: Collection[int], /) -> Checkpoint:
        """An untrained bridge over the tokens said in this home and in common talk.

        Raises:
            TrainingError: if the encoder does not provide what this kind learns from.
        """

    @abstractmethod
    def head(self, found: Checkpoint, context: TrainingContext, /) -> Head:
        """The labels and the loss for training a bridge."""

    def obstacle(self, _source: Source, /) -> str | None:
        """Why this kind cannot be trained with an encoder, in sentences; ``None`` if it can."""
        return None

    def widened(self, found: Checkpoint, _tokens: Iterable[int], /) -> Checkpoint:
        """The bridge with more tokens to emit, for kinds with a fixed set."""
        return found

    def trained(self, config: ProjectorConfig, /) -> ProjectorConfig:
        """The header's sizes after training."""
        return config

    def takes_bfloat16(self, _network: str, /) -> bool:
        """Whether a network is large enough to train faster in bfloat16."""
        return False

    def adaptation(self, _joined: Joined, /) -> Adaptation | None:
        """What such a bridge changes in the encoder's own weights; ``None`` for nothing."""
        return None

    def carried(
        self, _found: Checkpoint, _old: Tokens, _new: Tokens, _said: set[int], /
    ) -> tuple[Checkpoint, str]:
        """The bridge for a new language model, and a sentence such as "Tokens kept: 9 of 10".

        The last argument has the new model's tokens said in this home and in common talk.

        Raises:
            BridgeError: if the models share too few tokens, or this kind cannot be transferred.
        """
        raise BridgeError(
            "Bridges of this kind cannot be transferred to another language model. 'assistant "
            "bridge bootstrap' makes a new one for this pair."
        )

    def _drawn(
        self,
        context: TrainingContext,
        network: str,
        tokens: Collection[int],
        pad: int | None = None,
        **sizes: int,
    ) -> Checkpoint:
        """A bridge over tokens of the LLM, from the paper's random initialisation."""
        seed(context.settings.tuned.seed)
        source, language = context.source, context.language
        token_ids = np.array(sorted(tokens), np.int64)
        config = ProjectorConfig(
            kind=network,
            encoder_dim=source.dim,
            llm_dim=language.rows(token_ids[:1]).shape[1],
            slots=context.settings.tuned.slots,
        ).model_copy(update=sizes)
        weights = self.network(config).state_dict()
        table = language.embedding_fingerprint
        return Checkpoint(config, source.fingerprint, table, token_ids, pad, weights)


def places_of(found: Checkpoint) -> dict[int, int]:
    """Each token's index among a bridge's candidates."""
    return {token: at for at, token in enumerate(found.token_ids.tolist())}


def ctc_loss(logits: Tensor, labels: list[list[int]], batch: Batch, blank: int) -> Tensor:
    """CTC loss per symbol, with weighted utterances."""
    lengths = torch.tensor([len(label) for label in labels])
    losses = functional.ctc_loss(
        logits.float().log_softmax(-1).transpose(0, 1),
        torch.tensor([symbol for label in labels for symbol in label]),
        batch.lengths,
        lengths,
        blank=blank,
        zero_infinity=True,
        reduction="none",
    )
    return (losses * batch.weights).sum() / (lengths * batch.weights).sum().clamp(min=1)
