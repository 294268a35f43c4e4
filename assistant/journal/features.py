"""Features stored beside a recording in the journal: half precision, one row per encoder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sqlite_utils import Database

from assistant.values import SpeechFeatures, Transcript, Word

STORED = np.dtype("<f2")
"""Number format on the disk."""

_WORDS = TypeAdapter(tuple[Word, ...])
_LARGEST = float(np.finfo(np.float16).max)


def half(frames: NDArray[np.float32]) -> NDArray[np.float16]:
    """Convert frames to half precision, clipping values beyond its range."""
    return np.clip(frames, -_LARGEST, _LARGEST).astype(STORED)


def insert(database: Database, turn_id: int, features: SpeechFeatures) -> None:
    """Store an exchange's features, replacing earlier ones from the same encoder.

    Where learning is not allowed, none are stored.
    """
    frames = half(features.frames)
    transcript = features.transcript
    database.conn.execute(
        "INSERT OR REPLACE INTO features (turn_id, encoder, frame_rate, n_frames, dim, "
        "hypothesis, confidence, words, frames) SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM turns "
        "WHERE id = ? AND consent",
        [
            features.encoder, features.frame_rate, *frames.shape, transcript.text,
            transcript.confidence, json.dumps([asdict(word) for word in transcript.words]),
            frames.tobytes(), turn_id,
        ],
    )  # fmt: skip


def find(database: Database, turn_id: int, encoder: str) -> SpeechFeatures | None:
    """An exchange's features from one encoder, float32; ``None`` if missing or damaged."""
    row: tuple[Any, ...] | None = database.conn.execute(
        "SELECT frame_rate, n_frames, dim, hypothesis, confidence, words, frames "
        "FROM features WHERE turn_id = ? AND encoder = ?",
        [turn_id, encoder],
    ).fetchone()
    if row is None:
        return None
    rate, n_frames, dim, hypothesis, confidence, words, data = row
    try:
        frames = np.frombuffer(data, STORED).reshape(n_frames, dim).astype(np.float32)
        transcript = Transcript(hypothesis, confidence, _WORDS.validate_json(words))
    except (TypeError, ValueError):
        return None
    return SpeechFeatures(frames, rate, transcript, encoder)
