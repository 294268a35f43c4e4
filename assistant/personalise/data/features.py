"""The frozen encoder's features for a training: computed once, and read again when needed.

Neither the encoder nor months of features are in memory while a bridge is trained.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assistant.bridge import kinds
from assistant.bridge.batch import Pair
from assistant.bridge.kinds.kind import Source
from assistant.config import Settings
from assistant.encode.encoder import Adapts, Encoder, open_encoder
from assistant.errors import JournalError, StorageError, TrainingError
from assistant.journal.store import Journal
from assistant.personalise.data.common_talk import common_talk
from assistant.personalise.data.examples import Example
from assistant.personalise.data.feature_file import StoredPair
from assistant.values import EndReason, SpeechFeatures, Utterance


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFeatures:
    """Features of all training data, without the encoder itself."""

    source: Source
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
        """Sort pairs, each with whether it is held out; the encoder is not kept.

        The first ``canaries`` pairs of common talk judge; the others are replayed.
        """
        train: list[Pair] = []
        held_out: list[Pair] = []
        for pair, is_held_out in pairs:
            (held_out if is_held_out else train).append(pair)
        return cls(source_of(encoder), train, held_out, common[canaries:], common[:canaries])


def source_of(encoder: Encoder) -> Source:
    """What a training needs from an encoder, which can then be freed."""
    letters = encoder.ctc_head()
    if letters is not None:  # copies, as views would keep the whole network in memory
        letters = letters[0].detach().clone(), letters[1].detach().clone()
    recogniser = encoder.adaptable() if isinstance(encoder, Adapts) else None
    return Source(encoder.fingerprint, encoder.dim, encoder.spelling, letters, recogniser)


def hear(
    settings: Settings,
    journal: Journal,
    found: Sequence[Example],
    on_progress: Callable[[int, int], None],
) -> TrainingFeatures:
    """Features of all examples and of common talk, each computed once and stored.

    Common talk that is replayed has none if the kind to be trained learns from its sound.

    ``on_progress`` is called after each computation with the number done and the total.

    Raises:
        AttuneError: if they cannot be computed or stored.
    """
    wanted = settings.personalise
    encoder = open_encoder(settings.encode.model_copy(update={"threads": wanted.threads}))
    count = wanted.canaries + wanted.replay
    kind = kinds.named(kinds.fitting(wanted.head, source_of(encoder)))
    encoded = wanted.canaries if kind.learns_from_sound else count
    total = len(found) + encoded
    common = common_talk(
        count, encoder, settings.bridges, lambda done, _of: on_progress(done, total), encoded
    )
    pairs: list[tuple[Pair, bool]] = []
    for number, example in enumerate(found, encoded + 1):
        features = journal.features(example.turn, encoder.fingerprint)
        if features is None:
            recording = Utterance(
                journal.audio(example.turn), datetime.now(timezone.utc), EndReason.STOP
            )
            features = encoder.encode(recording)
            journal.keep_features(example.turn, features)
            on_progress(number, total)
        read = partial(_read, journal, example.turn, encoder.fingerprint)
        sound = partial(_sound, journal, example.turn)
        pair = StoredPair(example.text, len(features.frames), read, example.weight, sound)
        pairs.append((pair, example.held_out))
    heard = TrainingFeatures.by(encoder, pairs, common, wanted.canaries)
    del encoder
    gc.collect()  # hundreds of megabytes with a full-size encoder
    return heard


def _read(journal: Journal, turn_id: int, fingerprint: str) -> SpeechFeatures:
    """The features in the journal; raises ``TrainingError`` if they have been erased."""
    try:
        found = journal.features(turn_id, fingerprint)
    except StorageError:
        raise
    except JournalError:
        raise erased() from None
    if found is None:
        raise erased()
    return found


def _sound(journal: Journal, turn_id: int) -> NDArray[np.float32]:
    """The recording in the journal; raises ``TrainingError`` if it has been erased."""
    try:
        return journal.audio(turn_id)
    except StorageError:
        raise
    except JournalError:
        raise erased() from None


def erased() -> TrainingError:
    """The error for training data that no longer exists."""
    return TrainingError(
        "Exchanges that the training learns from have been erased, so it was stopped. Train again."
    )
