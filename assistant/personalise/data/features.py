"""What the frozen encoder gives to a training: computed once, and read again when it is wanted.

Neither the encoder nor the features of months are in memory while a bridge is trained.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from assistant.bridge.checkpoint import Checkpoint
from assistant.config import Settings
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import JournalError, StorageError
from assistant.journal.store import Journal
from assistant.nets.spelling import Spelling
from assistant.personalise.data.common_talk import common_talk
from assistant.personalise.data.examples import Example
from assistant.personalise.data.feature_file import StoredPair
from assistant.personalise.training.events import Encoded, Event
from assistant.personalise.training.heads import LettersHead, Pair
from assistant.personalise.training.trainer import erased
from assistant.values import EndReason, SpeechFeatures, Utterance


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFeatures:
    """Everything that is heard; the encoder itself is not needed any more."""

    fingerprint: str
    dim: int
    spelling: Spelling | None  # none of an encoder that writes no letters
    untrained: Checkpoint | None  # a letters bridge that reads as the encoder does
    train: Sequence[Pair]
    held_out: Sequence[Pair]
    replay: Sequence[Pair] = ()
    canaries: Sequence[Pair] = ()

    @classmethod
    def by(
        cls,
        encoder: Encoder,
        pairs: Iterable[tuple[Pair, bool]],
        common: Sequence[Pair] = (),
        canaries: int = 0,
    ) -> TrainingFeatures:
        """What an encoder has heard.

        Args:
            encoder: not kept.
            pairs: each with whether it is held out to judge by.
            common: common talk.
            canaries: how many of that are judged by; the others are replayed.
        """
        train: list[Pair] = []
        held_out: list[Pair] = []
        for pair, is_held_out in pairs:
            (held_out if is_held_out else train).append(pair)
        letters, spelling, untrained = encoder.ctc_head(), encoder.spelling, None
        if letters is not None and spelling is not None:
            untrained = LettersHead.untrained(encoder.fingerprint, letters, spelling)
        return cls(
            fingerprint=encoder.fingerprint,
            dim=encoder.dim,
            spelling=spelling,
            untrained=untrained,
            train=train,
            held_out=held_out,
            replay=common[canaries:],
            canaries=common[:canaries],
        )


def hear(
    settings: Settings, journal: Journal, found: Sequence[Example], tell: Callable[[Event], None]
) -> TrainingFeatures:
    """Features of all examples and of common talk, each computed once and kept.

    Raises:
        AttuneError: if they cannot be computed or kept.
    """
    wanted = settings.personalise
    encoder = open_encoder(settings.encode.model_copy(update={"threads": wanted.threads}))
    count = wanted.canaries + wanted.replay
    total = len(found) + count
    common = common_talk(
        count, encoder, settings.bridges, lambda done, _of: tell(Encoded(done, total))
    )
    pairs: list[tuple[Pair, bool]] = []
    for number, example in enumerate(found, count + 1):
        features = journal.features(example.turn, encoder.fingerprint)
        if features is None:
            recording = Utterance(
                journal.audio(example.turn), datetime.now(timezone.utc), EndReason.STOP
            )
            features = encoder.encode(recording)
            journal.keep_features(example.turn, features)
            tell(Encoded(number, total))
        read = partial(_read, journal, example.turn, encoder.fingerprint)
        pair = StoredPair(example.text, len(features.frames), read, example.weight)
        pairs.append((pair, example.held_out))
    heard = TrainingFeatures.by(encoder, pairs, common, wanted.canaries)
    del encoder
    gc.collect()  # hundreds of megabytes with a full-size encoder
    return heard


def _read(journal: Journal, turn_id: int, fingerprint: str) -> SpeechFeatures:
    """The features that stand in the journal.

    Raises:
        TrainingError: if they have been erased meanwhile.
    """
    try:
        found = journal.features(turn_id, fingerprint)
    except StorageError:
        raise
    except JournalError:
        raise erased() from None
    if found is None:
        raise erased()
    return found
