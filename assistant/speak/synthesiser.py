"""The interface of speech synthesisers, and how to open the one in the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from assistant.config import SpeakSettings
from assistant.speak.espeak import Espeak
from assistant.speak.piper import Piper
from assistant.speak.speech import Speech


class Reader(Protocol):
    """Turns text into sound."""

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence; ``SpeechError`` if it cannot be said."""
        ...


class Synthesiser(Reader, Protocol):
    """A voice, at a rate that can be changed."""

    tempo: float  # relative to the rate in the settings


def open_voice(settings: SpeakSettings, models: Path) -> Synthesiser:
    """The synthesiser in the settings, ready to speak with a voice from the folder of models.

    Raises:
        DependencyError: if it is not installed.
        SpeechError: if its voice is missing or invalid.
    """
    match settings.engine:
        case "espeak":
            return Espeak(settings)
        case "piper":
            return Piper(settings, models)
