"""The interface of speech synthesisers, and how to open the one in the settings."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from assistant.config import SpeakSettings
from assistant.speak import markdown
from assistant.speak.espeak import Espeak
from assistant.speak.normalise import Accent, accent_of, normalised
from assistant.speak.piper import Piper
from assistant.speak.speech import Speech


class Reader(Protocol):
    """Turns text into sound."""

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence; ``SpeechError`` if it cannot be said."""
        ...


class Synthesiser(Reader, Protocol):
    """A voice, at a rate that can be changed."""

    @property
    def language(self) -> str:
        """What it speaks, such as "en-gb"."""
        ...

    @property
    def tempo(self) -> float:
        """Relative to the rate in the settings."""
        ...

    @tempo.setter
    def tempo(self, tempo: float) -> None: ...


class Normalising:
    """A voice that is given everything in words, without what is not meant to be heard.

    Engines themselves read what is written in their own way, often wrongly. Sentences may be asked
    for from several threads; the engine speaks one at a time.
    """

    def __init__(self, engine: Synthesiser) -> None:
        self.engine = engine
        self._alone = threading.Lock()
        self._accent: Accent | None = accent_of(engine.language)
        markdown.load()

    @property
    def language(self) -> str:
        """What it speaks."""
        return self.engine.language

    @property
    def tempo(self) -> float:
        """Relative to the rate in the settings."""
        return self.engine.tempo

    @tempo.setter
    def tempo(self, tempo: float) -> None:
        self.engine.tempo = tempo

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence; ``SpeechError`` if it cannot be said."""
        with self._alone:
            said = markdown.plain_text(text)
            if self._accent is not None:
                said = normalised(said, self._accent)
            return self.engine.synthesise(said)


def open_voice(settings: SpeakSettings, models: Path) -> Normalising:
    """The synthesiser in the settings, ready to speak with a voice from the folder of models.

    Raises:
        DependencyError: if it is not installed.
        SpeechError: if its voice is missing or invalid.
    """
    match settings.engine:
        case "espeak":
            return Normalising(Espeak(settings))
        case "piper":
            return Normalising(Piper(settings, models))
