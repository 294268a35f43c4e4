"""Rooms of a turn that know beforehand what they hear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray

from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.household.clocks import Moment
from assistant.nets.projector_config import ProjectorConfig
from assistant.turn import Assistant
from assistant.values import SpeechFeatures, Transcript, Utterance
from tests.encode import tiny
from tests.generate import toys

YES = tuple(b"Yes.")
LETTER_H = ord("h")

Make = Callable[..., Assistant]


def bridge_to(
    token: int | None,
    encoder: Wav2Vec2Encoder,
    llm: LlamaSession,
    *,
    accepted: bool = False,
    or_else: int | None = None,
) -> Bridge:
    """A bridge that hears two of this token in whatever is said, or nothing.

    With ``or_else`` it is not sure that it was not this one.
    """
    sizes = ProjectorConfig(
        kind="linear", encoder_dim=tiny.HIDDEN, llm_dim=llm.gguf.embedding_length, slots=2
    )
    row = torch.as_tensor(llm.gguf.rows([toys.EOS if token is None else token])[0])
    if or_else is not None:
        row = row + 0.8 * torch.as_tensor(llm.gguf.rows([or_else])[0])
    checkpoint = Checkpoint(
        config=sizes,
        encoder=encoder.fingerprint,
        table=llm.gguf.embedding_fingerprint,
        token_ids=np.arange(toys.N_VOCAB),
        pad=toys.EOS,
        weights={"body.weight": torch.zeros(len(row), tiny.HIDDEN), "body.bias": row},
        accepted=accepted,
    )
    return Bridge(checkpoint, llm.vocabulary)


class Saying(Wav2Vec2Encoder):
    """An encoder that knows beforehand what is said, one text after another."""

    def __init__(self, *texts: str, confidence: float = 1.0) -> None:
        self.texts = iter(texts)
        self.confidence = confidence
        self.fingerprint = "saying"

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        del utterance
        frames = np.zeros((4, tiny.HIDDEN), np.float32)
        transcript = Transcript(next(self.texts), self.confidence)
        return SpeechFeatures(frames, 50.0, transcript, self.fingerprint)

    def weigh(self, features: SpeechFeatures, texts: Sequence[str]) -> NDArray[np.float64]:
        """It cannot tell."""
        del features
        return np.zeros(len(texts))


@dataclass
class Encoded:
    """Has the features of what is heard ahead of time, or has none."""

    of: Callable[[], SpeechFeatures | None]

    def features(self, utterance: Utterance) -> SpeechFeatures | None:
        del utterance
        return self.of()


def at(now: datetime) -> Moment:
    """The clocks at a time, on a device that was switched on at the Unix epoch."""
    return Moment(now, "boot", now.timestamp())
