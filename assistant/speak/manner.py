"""How loud and how fast the voice is, which a person can change by asking."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from assistant.speak.speech import Speech

GAINS_DB = (-18.0, 12.0)
TEMPOS = (0.6, 1.7)

_FULL_SCALE = 32_767.0


@dataclass(frozen=True, slots=True)
class Manner:
    """Relative to the settings and the synthesiser."""

    gain_db: float = 0.0
    tempo: float = 1.0

    def changed(self, *, gain_db: float = 0.0, tempo: float = 1.0) -> Manner:
        """Louder or faster by this much, within bounds."""
        return Manner(
            min(max(self.gain_db + gain_db, GAINS_DB[0]), GAINS_DB[1]),
            min(max(self.tempo * tempo, TEMPOS[0]), TEMPOS[1]),
        )

    def dump(self) -> str:
        """As text, for the journal."""
        return json.dumps(asdict(self))

    @staticmethod
    def load(text: str | None) -> Manner:
        """From that text; what cannot be read is ignored."""
        try:
            found = json.loads(text or "{}")
            return Manner().changed(gain_db=float(found["gain_db"]), tempo=float(found["tempo"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return Manner()

    def applied(self, speech: Speech) -> Speech:
        """The sentence at this loudness; what would be clipped is rounded off instead."""
        if self.gain_db == 0.0:
            return speech
        louder = speech.samples * (10 ** (self.gain_db / 20) / _FULL_SCALE)
        if self.gain_db > 0.0:
            louder = np.tanh(louder)
        samples = (louder * _FULL_SCALE).astype(np.int16)
        return Speech(samples, speech.sample_rate)


USUAL = Manner()
