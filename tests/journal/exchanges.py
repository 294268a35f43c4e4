"""Exchanges for tests, as the rest of Attune would hand them to the journal."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.journal.lineage import BridgeRecord, Lineage
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.values import (
    MICROPHONE,
    SAMPLE_RATE,
    EndReason,
    Reply,
    Route,
    SoftPrompt,
    SpeechFeatures,
    StopReason,
    Timings,
    Transcript,
    Utterance,
    Word,
)

STARTED_AT = datetime(2026, 3, 1, 18, 30, tzinfo=timezone.utc)


def sound(seconds: float = 0.5, seed: int = 0) -> NDArray[np.float32]:
    """Noise within full scale, mono 16 kHz."""
    noise = np.random.default_rng(seed).uniform(-1, 1, round(seconds * SAMPLE_RATE))
    return noise.astype(np.float32)


def utterance(
    seconds: float = 0.5, *, seed: int = 0, started_at: datetime = STARTED_AT
) -> Utterance:
    return Utterance(
        sound(seconds, seed), started_at, EndReason.SILENCE, endpoint_ms=800.0, source=MICROPHONE
    )


def features(text: str = "what time is it") -> SpeechFeatures:
    words = tuple(Word(word, float(at), at + 0.5, 0.5) for at, word in enumerate(text.split()))
    frames = np.zeros((4, 8), dtype=np.float32)
    return SpeechFeatures(frames, 50.0, Transcript(text, 0.75, words), "encoder-1")


def soft_prompt(heard: str = "what time is it") -> SoftPrompt:
    return SoftPrompt(np.zeros((3, 16), dtype=np.float32), "bridge-1", 0.875, heard)


def reply(text: str = "it is half past six") -> Reply:
    return Reply(text, Route.BRIDGE, StopReason.END_OF_TURN, Timings(endpoint=800.0, total=1234.5))


def on_disk(path: Path) -> list[Turn]:
    """What another process would find, oldest first."""
    with Journal(path) as journal:
        return list(journal.turns())[::-1]


def exchange(
    journal: Journal,
    said: str = "what time is it",
    answer: str = "it is half past six",
    *,
    seed: int = 0,
    started_at: datetime = STARTED_AT,
) -> int:
    """Put a whole spoken exchange into the journal and give its id."""
    turn_id = journal.hear(utterance(seed=seed, started_at=started_at))
    journal.transcribed(turn_id, features(said))
    journal.answering(turn_id, llm="llm-1", route=Route.BRIDGE, prompt=soft_prompt(said))
    journal.answered(turn_id, reply(answer))
    return turn_id


def record_of(lineage: Lineage, version: str) -> BridgeRecord:
    """The newest record of a trained bridge."""
    return next(record for record in lineage.records() if record.version == version)
