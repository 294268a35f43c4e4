"""Common talk in synthetic voices: replayed in training, and used as canaries by the gate.

Learning one voice must not make a bridge worse for others. The sentences are bundled and spoken by
espeak-ng, so they work with any encoder; they are encoded once and stored.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, starter_dir
from assistant.personalise.bridges.training_files import COMMON_TALK
from assistant.personalise.data.feature_file import EncodedFile, StoredPair, unencoded
from assistant.speak.espeak import Espeak
from assistant.values import SAMPLE_RATE, EndReason, SpeechFeatures, Utterance

VOICES = (
    "en-us", "en-us+f2", "en-us+m3", "en-gb", "en-gb+f3", "en-gb-scotland+m1", "en-us+m7",
    "en-gb-x-rp+f5", "en-029+m2", "en-us+f1", "en-gb+m4", "en-gb-x-gbclan+f2",
)  # fmt: skip
"""Voices that every espeak-ng has."""

_FRAME = 320
"""Samples of a frame of Whisper."""


class Encoder(Protocol):
    """Turns a recording into features."""

    @property
    def fingerprint(self) -> str:
        """Identifies the weights."""
        ...

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features and transcript of one utterance."""
        ...


def sentences(count: int) -> list[str]:
    """The first ``count`` bundled sentences of common talk."""
    lines = (starter_dir() / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return lines[:count]


def common_talk(
    count: int,
    encoder: Encoder,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
    encoded: int | None = None,
) -> list[StoredPair]:
    """The first ``count`` sentences with their features, each computed once, kept in ``folder``.

    Args:
        count: number of sentences.
        encoder: computes the features.
        folder: keeps them.
        on_progress: called after each computation with the number done and the total.
        encoded: how many of them need features, if not all; the others have their sound alone.

    Raises:
        DependencyError: if espeak-ng is not installed.
        SpeechError: if it fails.
        TrainingError: if they cannot be stored.
    """
    file = EncodedFile(folder, COMMON_TALK, encoder.fingerprint)
    texts = sentences(count)
    first = texts[:encoded]
    for number, text in enumerate(first):
        if _key(text, number) not in file:
            file.add(_key(text, number), encoder.encode(_say(text, number)))
            on_progress(number + 1, len(first))
    return [
        file.pair(_key(text, number), text, partial(_sound, text, number))
        if _key(text, number) in file
        else _unencoded(text, number)
        for number, text in enumerate(texts)
    ]


def _unencoded(text: str, number: int) -> StoredPair:
    """A sentence for kinds that learn from its sound; so long as Whisper's frames of it."""
    sound = partial(_sound, text, number)
    return StoredPair(text, -(-len(sound()) // _FRAME), unencoded, hear=sound)


def synthesised(text: str, **voice: str | int) -> NDArray[np.float32]:
    """A sentence spoken by espeak-ng with ``SpeakSettings``, mono 16 kHz, (n_samples,).

    Raises:
        DependencyError: if espeak-ng is not installed.
        SpeechError: if it fails.
    """
    speech = Espeak(SpeakSettings.model_validate(voice)).synthesise(text)
    return resample(to_float32(speech.samples), speech.sample_rate, SAMPLE_RATE)


def _key(text: str, number: int) -> str:
    """Identifies a sentence and, by its number, its voice."""
    return hashlib.sha256(f"{number} {text}".encode()).hexdigest()[:20]


def _sound(text: str, number: int) -> NDArray[np.float32]:
    return _say(text, number).samples


def _say(text: str, number: int) -> Utterance:
    rng = random.Random(number)  # noqa: S311 - voices, not secrets
    samples = synthesised(
        text, voice=rng.choice(VOICES), rate_wpm=rng.randint(115, 190), pitch=rng.randint(30, 70)
    )
    quiet = np.random.default_rng(number).standard_normal(len(samples) + SAMPLE_RATE // 2) * 5e-4
    quiet[SAMPLE_RATE // 4 : SAMPLE_RATE // 4 + len(samples)] += samples
    return Utterance(
        quiet.astype(np.float32), datetime(2026, 1, 1, tzinfo=timezone.utc), EndReason.STOP
    )
