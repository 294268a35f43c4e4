"""What the frozen encoder gives to a training: computed once, and read again when it is wanted.

Neither the encoder nor the features of months are in memory while a bridge is trained.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from assistant.bridge.checkpoint import Checkpoint
from assistant.config import Settings
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import JournalError, StorageError
from assistant.journal.store import Journal
from assistant.nets.spelling import Spelling
from assistant.personalise.encoded import StoredPair
from assistant.personalise.examples import Example
from assistant.personalise.heads import LettersHead, Pair
from assistant.personalise.progress import Encoded, Event
from assistant.personalise.replay import common_talk
from assistant.personalise.train import erased
from assistant.values import EndReason, SpeechFeatures, Utterance


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Everything that is heard; the encoder itself is not needed any more."""

    fingerprint: str
    dim: int
    spelling: Spelling | None  # none of an encoder that writes no letters
    untrained: Checkpoint | None  # a letters bridge that reads as the encoder does
    train: Sequence[Pair]
    held_out: Sequence[Pair]
    replay: Sequence[Pair]
    canaries: Sequence[Pair]


def hear(
    settings: Settings, journal: Journal, found: Sequence[Example], tell: Callable[[Event], None]
) -> Heard:
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
    for number, example in enumerate(found, count + 1):
        if journal.features(example.turn, encoder.fingerprint) is None:
            recording = Utterance(
                journal.audio(example.turn), datetime.now(timezone.utc), EndReason.STOP
            )
            journal.keep_features(example.turn, encoder.encode(recording))
            tell(Encoded(number, total))
    pairs = [(example, _kept(journal, example, encoder.fingerprint)) for example in found]
    heard = Heard(
        fingerprint=encoder.fingerprint,
        dim=encoder.dim,
        spelling=encoder.spelling,
        untrained=untrained_letters(encoder),
        train=[pair for example, pair in pairs if not example.held_out],
        held_out=[pair for example, pair in pairs if example.held_out],
        replay=common[wanted.canaries :],
        canaries=common[: wanted.canaries],
    )
    del encoder
    gc.collect()  # hundreds of megabytes with a full-size encoder
    return heard


def untrained_letters(encoder: Encoder) -> Checkpoint | None:
    """A letters bridge that reads as the encoder does; none where that writes no letters."""
    letters, spelling = encoder.ctc_head(), encoder.spelling
    if letters is None or spelling is None:
        return None
    return LettersHead.untrained(encoder.fingerprint, letters, spelling)


def _kept(journal: Journal, example: Example, fingerprint: str) -> StoredPair:
    """An example whose features stay in the journal."""

    def read() -> SpeechFeatures:
        try:
            found = journal.features(example.turn, fingerprint)
        except StorageError:
            raise
        except JournalError:
            raise erased() from None
        if found is None:
            raise erased()
        return found

    return StoredPair(example.text, len(read().frames), read, example.weight)
