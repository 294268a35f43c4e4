"""Common talk in synthetic voices: replayed in training and kept as canaries by the gate.

What a bridge is taught in one voice must not cost it the others. The sentences are bundled;
espeak-ng speaks them, so they serve any encoder; they are encoded once and kept.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from assistant import durable
from assistant.audio.resample import resample, to_float32
from assistant.config import SpeakSettings, starter_dir
from assistant.errors import TrainingError
from assistant.speak.espeak import Espeak
from assistant.values import (
    SAMPLE_RATE,
    EndReason,
    SpeechFeatures,
    Transcript,
    Utterance,
    Word,
)

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


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One sentence with its features."""

    features: SpeechFeatures
    text: str


def sentences(count: int) -> list[str]:
    """The first so many of the bundled sentences of common talk."""
    lines = (starter_dir() / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return lines[:count]


def common_talk(
    count: int,
    encoder: Encoder,
    folder: Path,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Spoken]:
    """Sentences of common talk with their features, made once and kept in ``folder``.

    Args:
        count: how many; the same ones come first each time.
        encoder: whose features.
        folder: where they are kept.
        told: called with how many are there, and of how many.

    Raises:
        DependencyError: if espeak-ng is not installed.
        SpeechError: if it fails.
        TrainingError: if they cannot be kept.
    """
    texts = sentences(count)
    path = folder / f"replay-{encoder.fingerprint}.safetensors"
    name = hashlib.sha256("\n".join((*VOICES, *texts)).encode()).hexdigest()
    kept = _read(path, name, encoder.fingerprint)
    if kept is not None:
        return kept
    spoken: list[Spoken] = []
    for number, text in enumerate(texts):
        spoken.append(Spoken(encoder.encode(_say(text, number)), text))
        told(number + 1, len(texts))
    if not spoken:
        return []
    _write(path, name, spoken)
    return _read(path, name, encoder.fingerprint) or spoken  # as they will be the next time


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


def _write(path: Path, name: str, spoken: Sequence[Spoken]) -> None:
    frames = [each.features.frames.astype(np.float16) for each in spoken]
    tensors: dict[str, NDArray[Any]] = {
        "frames": np.concatenate(frames),
        "ends": np.cumsum([len(each) for each in frames]),
    }
    header = {
        "name": name,
        "texts": json.dumps([each.text for each in spoken]),
        "frame_rate": json.dumps(spoken[0].features.frame_rate),
        "transcripts": json.dumps([asdict(each.features.transcript) for each in spoken]),
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.write(path, save(tensors, metadata=header))
    except OSError as error:
        raise TrainingError(
            f"Cannot keep {path}: {error.strerror}. Make room and give yourself the right to write "
            "there, or set personalise.folder to another folder."
        ) from None


def _read(path: Path, name: str, encoder: str) -> list[Spoken] | None:
    """What was kept, unless it is missing, damaged or of other sentences: then it is made anew."""
    if not path.is_file():
        return None
    try:
        with cast("Any", safe_open)(path, framework="np") as file:
            header: dict[str, str] = file.metadata()
            if header["name"] != name:
                return None
            frames: NDArray[np.float16] = file.get_tensor("frames")
            ends: NDArray[np.int64] = file.get_tensor("ends")
        rate: float = json.loads(header["frame_rate"])
        texts: list[str] = json.loads(header["texts"])
        transcripts = [_transcript(each) for each in json.loads(header["transcripts"])]
        return [
            Spoken(SpeechFeatures(each.astype(np.float32), rate, transcript, encoder), text)
            for each, transcript, text in zip(
                np.split(frames, ends[:-1]), transcripts, texts, strict=True
            )
        ]
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None


def _transcript(values: dict[str, Any]) -> Transcript:
    words = tuple(Word(**word) for word in values.pop("words"))
    return Transcript(**values, words=words)
