"""What each kind of bridge is trained toward: its beginning, its labels and its loss.

Every head sees only the encoder's features and the LLM's tokens and rows; none runs the LLM.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Language
from assistant.bridge.read import anchored
from assistant.config import PersonaliseSettings
from assistant.nets import embedlink
from assistant.nets.anchored import NOTHING, Anchored, Anchors, aligned
from assistant.nets.letters import Letters
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.projectors import build
from assistant.nets.spelling import Spelling
from assistant.nets.tokenctc import BLANK
from assistant.values import SpeechFeatures

STEPS = {"letters": 200, "anchored": 300, "ctc": 150, "pooled": 150}
"""Steps that each head needs, starting from a trained bridge (``bench/personalise.py``)."""

TEMPERATURE = 2.0
"""What the logits of trained letters are divided by when they are read. A map learned from a few
dozen utterances is too sure of itself, and the reading weighs sound against an n-gram; on three
simulated speakers words wrong fell from 0.24 to 0.18 (``bench/personalise.py``)."""

SAMPLED = 512
"""Tokens that nobody has said yet among the candidates, drawn at random."""


class Pair(Protocol):
    """One utterance's features and the words said in it."""

    @property
    def features(self) -> SpeechFeatures:
        """What the frozen encoder made of it; perhaps read from the disk each time."""
        ...

    @property
    def text(self) -> str:
        """The words."""
        ...

    @property
    def weight(self) -> float:
        """How much it counts in training, from 0 to 1."""
        ...

    @property
    def frames(self) -> int:
        """Length in frames."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPair:
    """A pair in memory."""

    features: SpeechFeatures
    text: str
    weight: float = 1.0

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.features.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pairs of like length, filled up at the end."""

    pairs: Sequence[Pair]
    frames: Tensor  # float32 (batch, n_frames, encoder_dim)
    lengths: Tensor  # int64 (batch,)
    weights: Tensor  # float32 (batch,)

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Batch:
        """Stack the pairs' frames."""
        lengths = torch.tensor([pair.frames for pair in pairs])
        each = [torch.tensor(pair.features.frames) for pair in pairs]
        frames = nn.utils.rnn.pad_sequence(each, batch_first=True)
        return cls(pairs, frames, lengths, torch.tensor([pair.weight for pair in pairs]))


class Head(Protocol):
    """One kind of bridge in training."""

    checkpoint: Checkpoint  # where the training begins

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The training objective, averaged over what is said in the batch."""
        ...


class LettersHead:
    """CTC over the encoder's own symbols after the speaker's map."""

    def __init__(self, checkpoint: Checkpoint, spelling: Spelling) -> None:
        self.checkpoint = checkpoint
        self._spelling = spelling

    @staticmethod
    def untrained(encoder: str, ctc_head: tuple[Tensor, Tensor], spelling: Spelling) -> Checkpoint:
        """The map that changes nothing: it reads exactly as the encoder does."""
        weight, bias = ctc_head
        config = ProjectorConfig(
            kind="letters",
            encoder_dim=weight.shape[1],
            llm_dim=0,
            candidates=len(spelling.symbols),
        )
        network = cast("Letters", build(config))
        network.begin(weight, bias)
        return Checkpoint(config, encoder, "", np.empty(0, np.int64), None, network.state_dict())

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """CTC, per letter."""
        labels = [self._spelling.labels(pair.text) for pair in batch.pairs]
        return _ctc(network(batch.frames, batch.lengths), labels, batch, self._spelling.blank)


class CTCHead:
    """CTC over candidate tokens of the LLM."""

    def __init__(self, checkpoint: Checkpoint, language: Language) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._places = {token: at for at, token in enumerate(checkpoint.token_ids.tolist())}

    @staticmethod
    def widened(checkpoint: Checkpoint, tokens: Iterable[int]) -> Checkpoint:
        """The same bridge with more tokens that it can emit, unlikely at first."""
        known = checkpoint.token_ids.tolist()
        new = sorted(set(tokens) - set(known))
        if not new:
            return checkpoint
        weight, bias = checkpoint.weights["output.weight"], checkpoint.weights["output.bias"]
        more = torch.zeros(len(new), weight.shape[1], dtype=weight.dtype)
        unlikely = torch.full((len(new),), float(bias[1:].mean()), dtype=bias.dtype)
        return replace(
            checkpoint,
            config=checkpoint.config.model_copy(update={"candidates": len(known) + len(new)}),
            token_ids=np.array([*known, *new], np.int64),
            weights={
                **checkpoint.weights,
                "output.weight": torch.cat([weight, more]),
                "output.bias": torch.cat([bias, unlikely]),
            },
        )

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """CTC, per token."""
        labels = [
            [self._places[token] + 1 for token in self._language.tokens(pair.text)]
            for pair in batch.pairs
        ]
        return _ctc(network(batch.frames, batch.lengths), labels, batch, BLANK)


class AnchoredHead:
    """Cross entropy of the slots' two emissions against the aligned text."""

    def __init__(self, checkpoint: Checkpoint, language: Language) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._places = {token: at for at, token in enumerate(checkpoint.token_ids.tolist())}
        rows = torch.as_tensor(language.rows(checkpoint.token_ids))
        self._directions = functional.normalize(rows, dim=-1)

    @staticmethod
    def widened(checkpoint: Checkpoint, tokens: Iterable[int]) -> Checkpoint:
        """The same bridge with more tokens to choose from; they need no weights of their own."""
        known = checkpoint.token_ids.tolist()
        token_ids = np.array([*known, *sorted(set(tokens) - set(known))], np.int64)
        return replace(
            checkpoint,
            config=checkpoint.config.model_copy(update={"candidates": len(token_ids)}),
            token_ids=token_ids,
        )

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross entropy per emission; an utterance without a hypothesis teaches nothing."""
        whole = cast("Anchored", network)
        losses: list[Tensor] = []
        for row, pair in enumerate(batch.pairs):
            features = pair.features
            tokens = self._language.tokens(features.transcript.spoken)
            if not tokens:
                continue
            anchors = anchored(
                [self._places[token] for token in tokens], tokens, features, self._language
            )
            wanted = [
                NOTHING if token is None else self._places[token] + 1
                for said in aligned(tokens, self._language.tokens(pair.text))
                for token in said
            ]
            frames = batch.frames[row : row + 1, : pair.frames]
            logits = _anchored_logits(whole, frames, anchors, self._directions.to(frames.device))
            cross = functional.cross_entropy(logits.flatten(0, 2), torch.tensor(wanted))
            losses.append(cross * pair.weight)
        if not losses:
            return torch.zeros((), requires_grad=True)
        return torch.stack(losses).sum() / batch.weights.sum()


class PooledHead:
    """The paper's squared error and cosine distance over cast slots (eqs. 5-7)."""

    def __init__(
        self, checkpoint: Checkpoint, language: Language, pad: int, alpha: float, beta: float
    ) -> None:
        self.checkpoint = checkpoint
        self._language = language
        self._pad = pad
        self._alpha, self._beta = alpha, beta
        rows = language.rows(checkpoint.token_ids)
        # squared error in units of the rows' own spread, else the cosine alone would count
        self._scale = float(rows.std()) or 1.0

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """EmbedLink's loss."""
        wanted, _ = self.targets(batch)
        return embedlink.loss(self.slots(network, batch), wanted, self._alpha, self._beta)

    def slots(self, network: nn.Module, batch: Batch) -> Tensor:
        """What the network fills the slots with, in units of the rows' spread."""
        return cast("Tensor", network(batch.frames, batch.lengths)).float() / self._scale

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the slots should hold, in the same units, and which of them hold text.

        Returns:
            float32 (batch, slots, llm_dim), bool (batch, slots).
        """
        slots = self.checkpoint.config.slots
        cast_ids = np.array(
            [
                embedlink.cast(self._language.tokens(pair.text), slots, self._pad)
                for pair in batch.pairs
            ]
        )
        unique, places = np.unique(cast_ids, return_inverse=True)
        rows: NDArray[np.float32] = self._language.rows(unique)
        wanted = torch.as_tensor(rows[places.reshape(cast_ids.shape)])
        return wanted / self._scale, torch.as_tensor(cast_ids != self._pad)


def untrained(
    settings: PersonaliseSettings,
    encoder: str,
    encoder_dim: int,
    language: Language,
    tokens: Iterable[int],
    pad: int,
) -> Checkpoint:
    """A bridge of the wished-for kind from the paper's random initialisation.

    ``anchored`` begins as the transcript route even so; ``letters`` begins with
    ``LettersHead.untrained``.

    Args:
        settings: which head, how many slots, which seed.
        encoder: fingerprint.
        encoder_dim: width of the features.
        language: the LLM's tokens and rows.
        tokens: what is said in this home and in common talk.
        pad: token that fills the paper's slots.
    """
    seed(settings.tuned.seed)
    chosen = set(tokens)
    if settings.head == "pooled":
        chosen.add(pad)
    candidates = np.array(sorted(chosen), np.int64)
    width = language.rows(candidates[:1]).shape[1]
    config = ProjectorConfig(
        kind="bridgeformer" if settings.head == "pooled" else settings.head,
        encoder_dim=encoder_dim,
        llm_dim=width,
        layers=2 if settings.head == "anchored" else 4,
        slots=settings.tuned.slots,
        candidates=0 if settings.head == "pooled" else len(candidates),
    )
    return Checkpoint(
        config,
        encoder,
        language.embedding_fingerprint,
        candidates,
        pad if settings.head == "pooled" else None,
        build(config).state_dict(),
    )


def seed(number: int) -> None:
    """Make what torch draws from now on reproducible."""
    cast("Any", torch).manual_seed(number)


def sampled(language_size: int, number: int) -> list[int]:
    """Tokens that nobody has said yet, so that the candidates are not only what was heard."""
    rng = random.Random(number)  # noqa: S311 - reproducible, not secret
    return rng.sample(range(language_size), min(SAMPLED, language_size))


def _anchored_logits(
    network: Anchored, frames: Tensor, anchors: Anchors, directions: Tensor
) -> Tensor:
    return cast("Tensor", network(frames, anchors, directions))


def _ctc(logits: Tensor, labels: list[list[int]], batch: Batch, blank: int) -> Tensor:
    """CTC per symbol, utterances by weight."""
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
