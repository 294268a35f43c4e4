"""Memory of the daemon's own trainer on utterances whose features are there already."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from assistant.config import Settings, load
from assistant.encode.encoder import open_encoder
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.background.supervisor import Supervisor
from assistant.personalise.data.common_talk import common_talk, sentences
from assistant.personalise.training.events import Event, Judging, Stepped
from assistant.personalise.training.request import Request
from assistant.values import SAMPLE_RATE, EndReason, SpeechFeatures, Transcript, Utterance
from bench.sizes.memory import Memory, memory
from bench.sizes.speech import SECONDS

JUDGED = 3
"""Replies asked for by the gate after which the trainer is ended: it does not grow any more."""

_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class _Ears:
    """Hears random frames of an encoder's shape, and what it is told."""

    fingerprint: str
    dim: int
    frame_rate: float

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """Features of one utterance, without a transcript."""
        return self.told(utterance, Transcript("", 0.0))

    def told(self, utterance: Utterance, transcript: Transcript) -> SpeechFeatures:
        """Features of one utterance in which this was heard."""
        rng = np.random.default_rng(len(utterance.samples))
        shape = (int(utterance.seconds * self.frame_rate), self.dim)
        frames = rng.standard_normal(shape, np.float32)
        return SpeechFeatures(frames, self.frame_rate, transcript, self.fingerprint)


@dataclass(slots=True)
class _Peaks:
    """The most memory that a trainer took, in MB."""

    training_mb: float = 0.0
    training_anonymous_mb: float = 0.0
    judging_mb: float = 0.0  # the training before it included
    judging_anonymous_mb: float = 0.0
    steps: int = 0

    def note(self, last: Event | None, found: Memory) -> None:
        """Take in one look at the process, after it told this."""
        if isinstance(last, Judging):
            self.judging_mb = found.peak
            self.judging_anonymous_mb = max(self.judging_anonymous_mb, found.anonymous)
        elif isinstance(last, Stepped) and last.step < last.of:  # after the last one it goes on
            self.training_mb = found.peak
            self.training_anonymous_mb = max(self.training_anonymous_mb, found.anonymous)
            self.steps = last.step


def measure(flags: dict[str, Any], examples: int) -> dict[str, float]:
    """Train on so many utterances of five seconds, and tell the trainer's memory.

    Raises:
        AttuneError: if a room cannot be opened.
        RuntimeError: if the trainer does not come as far as judging.
    """
    with TemporaryDirectory() as folder:
        places: dict[str, Any] = {
            "journal.path": Path(folder) / "journal.db",
            "bridge.path": "",
        }
        settings = load({**places, **flags}, environ={}, files=()).settings
        tuned = replace(settings.idle.tuned, hang_s=3_600.0)  # it has the lowest priority
        idle = settings.idle.model_copy(update={"tuned": tuned})
        settings = settings.model_copy(update={"idle": idle})
        _teach(settings, examples)
        supervisor = Supervisor(settings, Request("scratch"))
        try:
            peaks = asdict(_watched(supervisor))
            return {name: round(value, 1) for name, value in peaks.items()}
        finally:
            supervisor.stop()


def _teach(settings: Settings, examples: int) -> None:
    """Fill the journal and the folder of bridges with what the trainer would find there."""
    encoder = open_encoder(settings.encode)
    ears = _Ears(encoder.fingerprint, encoder.dim, encoder.frame_rate)
    del encoder
    common = settings.personalise.canaries + settings.personalise.replay
    common_talk(common, ears, settings.bridges)
    samples = np.random.default_rng(0).normal(0, 0.01, int(SECONDS * SAMPLE_RATE))
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with Journal.open(settings.journal) as journal:
        for number, text in enumerate(sentences(examples)):
            at = start + timedelta(minutes=number)
            utterance = Utterance(samples.astype(np.float32), at, EndReason.SILENCE)
            turn_id = journal.enrolled(utterance, text, Taught.ENROLLED)
            journal.keep_features(turn_id, ears.told(utterance, Transcript(text, 0.9)))


def _watched(supervisor: Supervisor) -> _Peaks:
    peaks = _Peaks()
    last: Event | None = None
    while True:
        ended = supervisor.poll()
        found = memory(supervisor.pid)
        for event in supervisor.events():
            last = event
        if found is not None:
            peaks.note(last, found)
        if isinstance(last, Judging) and last.done >= JUDGED:
            return peaks
        if ended is not None:
            raise RuntimeError(f"the trainer ended before it judged: {last}, {ended}")
        time.sleep(_LOOK_S)
