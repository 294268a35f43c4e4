"""A journal of somebody whom the starter misunderstands, made once per test run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from assistant.config import Settings
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.common_talk import sentences
from assistant.values import MICROPHONE, EndReason, Utterance
from bench.speakers import LETTERS, SPEAKERS
from tests.settings import whole

BEGAN = datetime(2026, 3, 1, 9, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True, eq=False)
class Pupil:
    """Recordings with their texts."""

    spoken: tuple[tuple[Utterance, str], ...]

    @classmethod
    def speaking(cls, count: int) -> Pupil:
        """The Turkish-sounding slow speaker, reading sentences that are not replayed."""
        texts = sentences(400)[400 - count :]
        return cls(
            tuple((SPEAKERS[1].say(text, number), text) for number, text in enumerate(texts))
        )

    def teach(self, journal: Journal, *, shuffled: int | None = None) -> list[int]:
        """Put everything into a journal, with the texts of others if ``shuffled`` is a seed."""
        texts = [text for _, text in self.spoken]
        if shuffled is not None:
            random.Random(shuffled).shuffle(texts)
        return [
            journal.enrolled(
                Utterance(
                    utterance.samples,
                    BEGAN + timedelta(minutes=number),
                    EndReason.STOP,
                    source=MICROPHONE,
                ),
                text,
                Taught.ENROLLED,
            )
            for number, ((utterance, _), text) in enumerate(zip(self.spoken, texts, strict=True))
        ]


def settings(folder: Path, **changes: object) -> Settings:
    """The bundled letters, bridge and LLM over a journal in ``folder``, with a short training."""
    wished: dict[str, object] = {
        "journal__path": folder / "journal.db",
        "encode__path": LETTERS,
        "encode__threads": 1,
        "generate__threads": 1,
        "personalise__replay": 24,
        "personalise__canaries": 8,
        "personalise__steps": 120,
        "personalise__memory_mb": 8_000,
    }
    blocks: dict[str, dict[str, object]] = {}
    for key, value in (wished | changes).items():
        block, _, name = key.partition("__")
        blocks.setdefault(block, {})[name] = value
    return whole(blocks)
