"""Small utterances whose words can be learned, and heads over them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from assistant.bridge import kinds
from assistant.bridge.batch import EncodedPair
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Source, TrainingContext
from assistant.bridge.kinds.letters import LettersHead, untrained
from assistant.config import PersonaliseSettings, starter_dir
from assistant.encode.encoder import Encoder
from assistant.nets.spelling import Spelling
from assistant.personalise.data.features import source_of
from assistant.personalise.training.trainer import Material, Trainer
from assistant.values import SpeechFeatures
from tests.settings import block

WHISPER = starter_dir() / "whisper"

SYMBOLS = ("<pad>", "|", *"abcdefgh")
DIM = len(SYMBOLS)
ENCODER = "encoder-1"
SPELLING = Spelling(SYMBOLS, delimiter=1, blank=0, seconds=0.04, fusion=None)


def pair(text: str, shift: int = 0, seed: int = 0) -> EncodedPair:
    """A text as features: two frames per letter, each letter's axis moved by ``shift``."""
    rng = np.random.default_rng([seed, *map(ord, text)])
    rows: list[int] = []
    for symbol in SPELLING.labels(text):
        rows += [symbol, symbol, 0]
    axes = [2 + (row - 2 + shift) % (DIM - 2) if row > 1 else row for row in rows]
    frames = 4 * np.eye(DIM, dtype=np.float32)[axes]
    frames += rng.normal(0, 0.3, frames.shape).astype(np.float32)
    transcript = SPELLING.transcript(frames)
    return EncodedPair(SpeechFeatures(frames, 25.0, transcript, ENCODER), text)


def texts(count: int, seed: int) -> list[str]:
    """Words of the letters that there are."""
    rng = np.random.default_rng(seed)
    letters = SYMBOLS[2:]
    return [
        " ".join("".join(rng.choice(letters, 3)) for _ in range(rng.integers(1, 4)))
        for _ in range(count)
    ]


def pairs(count: int, seed: int, shift: int = 0) -> list[EncodedPair]:
    return [pair(text, shift, seed) for text in texts(count, seed)]


def letters_head() -> LettersHead:
    """A head that reads unshifted features rightly before any training."""
    head = (torch.eye(DIM), torch.zeros(DIM))
    return LettersHead(untrained(Source(ENCODER, DIM, SPELLING, head)), SPELLING)


def settings(**changes: object) -> PersonaliseSettings:
    wished: dict[str, object] = {"steps": 120, "batch": 4, "rate": 0.03, "memory_mb": 8_000}
    return block(PersonaliseSettings, **wished | changes)


def trainer(state: Path, name: str = "one", **changes: object) -> Trainer:
    """A speaker whose letters lie one axis further than the encoder has them."""
    material = Material(pairs(20, 1, shift=1), pairs(10, 2, shift=1), pairs(6, 3, shift=1))
    return Trainer(letters_head(), material, settings(**changes), state, name)


class Unasked:
    """A language model that nobody asks anything: it is never needed to train."""

    size = pad = 0
    embedding_fingerprint = "none"

    def rows(self, token_ids: object) -> NDArray[np.float32]:
        raise AssertionError(token_ids)

    def tokens(self, text: str) -> list[int]:
        raise AssertionError(text)

    def text(self, tokens: object) -> str:
        raise AssertionError(tokens)


def changed_recogniser(encoder: Encoder) -> Checkpoint:
    """An accepted bridge that changes the weights of the bundled Whisper at random."""
    context = TrainingContext(settings(), source_of(encoder), Unasked())
    found = kinds.named("adapted").untrained(context, ())
    weights = {
        name: torch.randn_like(each) * 0.05 if name.endswith(".up") else each
        for name, each in found.weights.items()
    }
    return replace(found, weights=weights, accepted=True)
