"""Common talk in synthetic voices: replayed in training and kept as canaries by the gate.

What a bridge is taught in one voice must not cost it the others. The sentences are bundled;
espeak-ng speaks them, so they serve any encoder; they are encoded once and kept.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

import numpy as np

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, starter_dir
from assistant.personalise.bridges.training_files import COMMON_TALK
from assistant.personalise.data.feature_file import EncodedFile, StoredPair
from assistant.speak.espeak import Espeak
from assistant.values import SAMPLE_RATE, EndReason, SpeechFeatures, Utterance

VOICES = (
    "en-us", "en-us+f2", "en-us+m3", "en-gb", "en-gb+f3", "en-gb-scotland+m1", "en-us+m7",
    "en-gb-x-rp+f5", "en-029+m2", "en-us+f1", "en-gb+m4", "en-gb-x-gbclan+f2",
)  # fmt: skip
"""Voices that every espeak-ng has."""


class Encoder(Protocol):
    """What makes features of a recording."""

    @property
    def fingerprint(self) -> str:
        """Identifies the weights."""
        ...

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance."""
        ...


def sentences(count: int) -> list[str]:
    """The first so many of the bundled sentences of common talk."""
    lines = (starter_dir() / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return lines[:count]


def common_talk(
    count: int,
    encoder: Encoder,
    folder: Path,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[StoredPair]:
    """Sentences of common talk with their features, each computed once and kept in ``folder``.

    Args:
        count: how many; the same ones come first each time.
        encoder: whose features.
        folder: where they are kept.
        told: called for each that is computed with how many are there, and of how many.

    Raises:
        DependencyError: if espeak-ng is not installed.
        SpeechError: if it fails.
        TrainingError: if they cannot be kept.
    """
    file = EncodedFile(folder, COMMON_TALK, encoder.fingerprint)
    texts = sentences(count)
    for number, text in enumerate(texts):
        if _key(text, number) not in file:
            file.add(_key(text, number), encoder.encode(_say(text, number)))
            told(number + 1, len(texts))
    return [file.pair(_key(text, number), text) for number, text in enumerate(texts)]


def _key(text: str, number: int) -> str:
    """Identifies a sentence and, by its number, the voice that says it."""
    return hashlib.sha256(f"{number} {text}".encode()).hexdigest()[:20]


def _say(text: str, number: int) -> Utterance:
    rng = random.Random(number)  # noqa: S311 - voices, not secrets
    speech = Espeak(
        SpeakSettings.model_validate(
            {
                "voice": rng.choice(VOICES),
                "rate_wpm": rng.randint(115, 190),
                "pitch": rng.randint(30, 70),
            }
        )
    ).synthesise(text)
    samples = resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)
    quiet = np.random.default_rng(number).standard_normal(len(samples) + SAMPLE_RATE // 2) * 5e-4
    quiet[SAMPLE_RATE // 4 : SAMPLE_RATE // 4 + len(samples)] += samples
    return Utterance(
        quiet.astype(np.float32), datetime(2026, 1, 1, tzinfo=timezone.utc), EndReason.STOP
    )
