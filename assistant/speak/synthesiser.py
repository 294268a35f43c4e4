"""The interface of speech synthesisers, and how to open the one in the settings."""

from __future__ import annotations

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
    def tempo(self) -> float:
        """Relative to the rate in the settings."""
        ...

    @tempo.setter
    def tempo(self, tempo: float) -> None: ...


class Engine(Synthesiser, Protocol):
    """A voice that reads what is written in its own way, often wrongly."""

    @property
    def language(self) -> str:
        """What it speaks, such as "en-gb"."""
        ...


class Normalising:
    """A voice that is given everything in words, without what is not meant to be heard."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._accent: Accent | None = accent_of(engine.language)
        markdown.load()

    @property
    def tempo(self) -> float:
        """Relative to the rate in the settings."""
        return self.engine.tempo

    @tempo.setter
    def tempo(self, tempo: float) -> None:
        self.engine.tempo = tempo

    def synthesise(self, text: str) -> Speech:
        """Speak one sentence; ``SpeechError`` if it cannot be said."""
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
