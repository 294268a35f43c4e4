"""What makes sound of text, and which of them speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from assistant.config import SpeakSettings
from assistant.speak.espeak import Espeak
from assistant.speak.piper import Piper
from assistant.speak.speech import Speech


class Synthesiser(Protocol):
    """Turns text into sound."""

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence.

        Raises:
            SpeechError: if it cannot be said.
        """
        ...


def open_voice(settings: SpeakSettings, models: Path) -> Synthesiser:
    """The synthesiser that the settings choose, ready to speak.

    Args:
        settings: which one, and how it speaks.
        models: the folder of installed models, for a voice that is named.

    Raises:
        DependencyError: if it is not installed.
        SpeechError: if its voice is missing or of another kind.
    """
    match settings.engine:
        case "espeak":
            return Espeak(settings)
        case "piper":
            return Piper(settings, models)
