"""What the encoders are given to hear."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from assistant.config import starter_dir
from assistant.listen.recordings import load
from assistant.values import EndReason, Utterance

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)


def utterance(n_samples: int, seed: int = 0) -> Utterance:
    """Noise whose loudness and colour change, off centre."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n_samples) * np.linspace(0.01, 0.3, n_samples) + 0.05
    tone = 0.2 * np.sin(np.linspace(0, 0.05, n_samples) * np.arange(n_samples))
    return said((noise + tone).astype(np.float32).clip(-1, 1))


def said(samples: NDArray[np.float32]) -> Utterance:
    """Samples as an utterance."""
    return Utterance(samples, NOW, EndReason.SILENCE)


def examples() -> list[NDArray[np.float32]]:
    """The bundled recordings."""
    return [load(path) for path in sorted((starter_dir() / "examples").glob("*.flac"))]


def cosine(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """How alike frames (n_frames, dim) are, one by one."""
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return np.sum(ours * theirs, axis=1) / lengths
