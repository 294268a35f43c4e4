"""``adapted``: low-rank changes in the weights of a Whisper recogniser, for one speaker.

The recogniser with these changes takes the place of the one without them, and what it writes is
the reading. It is trained as Whisper itself was: the sound as a spectrogram, and the loss of every
next token of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.audio.resample import resample
from assistant.bridge.batch import Batch, Pair, has_bfloat16, seed
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import (
    Head,
    Joined,
    Kind,
    Reader,
    Reading,
    Recogniser,
    Source,
    TrainingContext,
)
from assistant.errors import TrainingError
from assistant.nets import ctranslate_weights
from assistant.nets.projector_config import ProjectorConfig
from assistant.nets.whisper import LowRank, Whisper, layers
from assistant.values import SAMPLE_RATE, Adaptation, SpeechFeatures

Read = TypeVar("Read")

RANK = 16
"""Of every change; set by hand."""

SPEEDS = (0.9, 1.0, 1.1)
"""How much faster than it was said a recording is heard in training."""

MASK = (1 / 20, 8)
"""Most columns, as a share of the sound, and most bands of a spectrogram that are hidden. With
twice as much, and zeros instead of the mean, little was left of a severely slurred voice: 4.9 nats
a token instead of 2.6 unmasked (base, untrained)."""

SMOOTHING = 0.1
"""Probability that the loss gives to all other tokens together."""

MOST_COLUMNS = 3_000
"""Columns of a spectrogram that Whisper hears at once: 30 s."""

NOT_ADAPTABLE = (
    "The speech encoder's own weights cannot learn: only a Whisper model in CTranslate2's format "
    "can. Set encode.path to one, or personalise.head to another kind."
)


class _AdaptedKind(Kind):
    """Works with any language model."""

    retrain_steps = 120
    bootstrap_steps = 120
    batch = 4
    learns_from_sound = True
    # each step follows few sentences, and the mean of all steps forgets what is peculiar to them
    averages = True
    is_of_llm = False

    def network(self, config: ProjectorConfig) -> LowRank:
        return LowRank(config.encoder_dim, config.hidden, config.layers, config.candidates)

    def last_matrix(self, _network: str) -> str:
        return "changes.encoder/layer_0/ffn/linear_1.up"

    def reader(self, joined: Joined) -> Reader:
        def read(features: SpeechFeatures) -> Reading:
            said = features.transcript
            tokens = joined.language.tokens(said.spoken)
            return Reading(joined.language.rows(tokens), tokens, said.confidence)

        return read

    def untrained(self, context: TrainingContext, _tokens: Collection[int]) -> Checkpoint:
        path = recogniser_of(context.source).path
        names = _from(path, lambda: ctranslate_weights.names(path))
        encoder_layers, decoder_layers = layers(names)
        seed(context.settings.tuned.seed)
        config = ProjectorConfig(
            kind="adapted",
            encoder_dim=context.source.dim,
            llm_dim=0,
            hidden=RANK,
            layers=encoder_layers,
            candidates=decoder_layers,
        )
        none, weights = np.empty(0, np.int64), self.network(config).state_dict()
        return Checkpoint(config, context.source.fingerprint, "", none, None, weights)

    def head(self, found: Checkpoint, context: TrainingContext) -> Head:
        return AdaptedHead(found, recogniser_of(context.source))

    def obstacle(self, source: Source) -> str | None:
        return NOT_ADAPTABLE if source.recogniser is None else None

    def takes_bfloat16(self, _network: str) -> bool:
        return True

    def adaptation(self, joined: Joined) -> Adaptation:
        changes = cast("LowRank", joined.network).factors()
        return Adaptation(joined.checkpoint.version, changes)


KIND = _AdaptedKind()


def recogniser_of(source: Source) -> Recogniser:
    """The recogniser that is to learn; raises ``TrainingError`` if it cannot."""
    if source.recogniser is None:
        raise TrainingError(NOT_ADAPTABLE)
    return source.recogniser


def _from(path: Path, read: Callable[[], Read]) -> Read:
    """What is read from a recogniser's weights; ``TrainingError`` if it cannot be."""
    try:
        return read()
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"Cannot read the speech recogniser's {path} ({error}). Fetch the folder again."
        ) from None


class AdaptedHead(Head):
    """The loss of Whisper's next tokens, given the sound."""

    def __init__(self, checkpoint: Checkpoint, recogniser: Recogniser) -> None:
        self.checkpoint = checkpoint
        self._recogniser = recogniser
        dtype = torch.bfloat16 if has_bfloat16() else torch.float32
        self._whisper = Whisper(_from(recogniser.path, recogniser.weights), dtype)

    def batch(self, pairs: Sequence[Pair], *, training: bool) -> Batch:
        """Spectrograms (batch, n_mels, n_columns), in training of other speeds and masked."""
        columns = [self._columns(pair.samples, training=training) for pair in pairs]
        longest = max(each.shape[1] for each in columns)
        padded = [  # with silence
            functional.pad(each, (0, longest - each.shape[1]), value=float(each.min()))
            for each in columns
        ]
        lengths = torch.tensor([each.shape[1] for each in columns])
        weights = torch.tensor([pair.weight for pair in pairs])
        return Batch(pairs, torch.stack(padded), lengths, weights)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy per token, of the text and of its end."""
        start = self._recogniser.start
        told = [self._recogniser.tokens(pair.text) for pair in batch.pairs]
        longest = max(map(len, told))
        read = torch.tensor([[*start, *each, *each[-1:] * (longest - len(each))] for each in told])
        places = torch.arange(read.shape[1] - 1) - (len(start) - 1)
        wanted = torch.stack([(places >= 0) & (places < len(each)) for each in told])
        logits = self._whisper.logits(batch.frames, read[:, :-1], wanted, cast("LowRank", network))
        losses = functional.cross_entropy(
            logits.float(), read[:, 1:][wanted], reduction="none", label_smoothing=SMOOTHING
        )
        weights = batch.weights[:, None].expand_as(wanted)[wanted]
        return (losses * weights).sum() / weights.sum()

    def _columns(self, samples: NDArray[np.float32], *, training: bool) -> Tensor:
        """The spectrogram of one recording."""
        if training:
            speed = SPEEDS[int(torch.randint(0, len(SPEEDS), ()))]
            samples = resample(samples, round(SAMPLE_RATE * speed), SAMPLE_RATE)
        columns = torch.as_tensor(self._recogniser.columns(samples)[:, :MOST_COLUMNS])
        return _hidden(columns) if training else columns


def _hidden(columns: Tensor) -> Tensor:
    """A spectrogram (n_mels, n_columns) with some columns and some bands at its mean."""
    share, bands = MASK
    columns, mean = columns.clone(), float(columns.mean())
    for axis, most in ((1, int(share * columns.shape[1])), (0, bands)):
        width = int(torch.randint(0, most + 1, ()))
        start = int(torch.randint(0, columns.shape[axis] - width + 1, ()))
        columns.narrow(axis, start, width).fill_(mean)
    return columns
