"""What is told of Attune to programs that offer it to people."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import metadata
from typing import Any

from wyoming.info import (
    AsrModel,
    AsrProgram,
    Attribution,
    HandleModel,
    HandleProgram,
    Info,
    Satellite,
    TtsProgram,
    TtsVoice,
)

from assistant.config import Settings
from assistant.control.messages import Abilities
from assistant.errors import ControlError
from assistant.wyoming.asking import Daemon

PROMPTLY_S = 0.5
"""How long the daemon is waited for: Home Assistant gives up after a second."""

_OURS = Attribution(name="Attune", url="")
_WHISPER = Attribution(name="OpenAI", url="https://github.com/openai/whisper")
_VOICES = {
    "espeak": Attribution(name="eSpeak NG", url="https://github.com/espeak-ng/espeak-ng"),
    "piper": Attribution(name="Piper", url="https://github.com/OHF-Voice/piper1-gpl"),
}


class Description:
    """Knows what the daemon can do, also while it is busy or away.

    Args:
        daemon: is asked.
        settings: what is told until it has answered for the first time.
    """

    def __init__(self, daemon: Daemon, settings: Settings) -> None:
        self._daemon = daemon
        self._has_home = settings.home.url is not None
        language = settings.encode.language
        self._known = Abilities(
            recogniser=settings.encode.path.name,
            is_whisper=False,
            hears=("en" if language == "auto" else language,),
            model=settings.generate.path.stem,
            engine=settings.speak.engine,
            voice=settings.speak.voice,
            speaks=settings.speak.voice if settings.speak.engine == "espeak" else "en",
        )

    async def info(self) -> Info:
        """The description, within a second."""
        with suppress(ControlError, asyncio.TimeoutError):
            asked = self._daemon.quick(lambda client: client.abilities())
            self._known = await asyncio.wait_for(asked, PROMPTLY_S)
        return described(self._known, has_home=self._has_home)


class SatelliteDescription:
    """Knows what is told of Attune as a satellite, beside which nothing else would be used."""

    async def info(self) -> Info:
        """The description."""
        satellite = Satellite(
            **_program(),
            description="Attune: hears who speaks here, and has Home Assistant answer",
            area=None,  # where it stands is known at Home Assistant only
            has_vad=True,  # it hears where a request ends
            active_wake_words=[],  # whether it was called is its own affair
            max_active_wake_words=0,
            supports_trigger=False,
        )
        return Info(satellite=satellite)


def described(known: Abilities, *, has_home: bool) -> Info:
    """What Attune can do, as the protocol has it.

    Args:
        known: what the daemon hears, thinks and speaks with.
        has_home: whether it passes on to the home what only that can do.
    """
    program = _program()
    model = AsrModel(
        **_part(_WHISPER if known.is_whisper else _OURS),
        name=known.recogniser,
        description=f"{known.recogniser}, with all that Attune has learned of a voice",
        languages=list(known.hears),
    )
    asr = AsrProgram(
        **program,
        description="Attune: hears people whom others do not understand, and learns how they speak",
        models=[model],
        supports_transcript_streaming=False,
        requires_external_vad=False,
        prefers_auto_gain_enabled=False,
        prefers_noise_reduction_enabled=False,
    )
    voice = TtsVoice(
        **_part(_VOICES.get(known.engine, _OURS)),
        name=known.voice,
        description=f"Attune's voice, {known.voice}",
        languages=[_language(known.speaks)],
    )
    tts = TtsProgram(
        **program,
        description="Attune: speaks as clearly and slowly as it has been asked to",
        voices=[voice],
        supports_synthesize_streaming=True,
    )
    answers = HandleModel(
        **_part(_OURS),
        name=known.model,
        description="Attune's skills, and its language model for the rest",
        languages=["en"],  # its skills and its instruction are in English
    )
    handle = HandleProgram(
        **program,
        description="Attune: timers, reminders, lists, notes and a talk",
        models=[answers],
        supports_handled_streaming=True,
        supports_home_control=has_home,
    )
    return Info(asr=[asr], tts=[tts], handle=[handle])


def _program() -> dict[str, Any]:
    """What all programs have."""
    return {"name": "attune", "attribution": _OURS, "installed": True, "version": _version()}


def _part(by: Attribution) -> dict[str, Any]:
    """What all models and voices have."""
    return {"attribution": by, "installed": True, "version": None}


def _language(voice: str) -> str:
    """The code of a voice's language: "en-us+f3" is "en-US"."""
    language, _, place = voice.partition("+")[0].replace("_", "-").partition("-")
    return f"{language}-{place[:2].upper()}" if place[:2].isalpha() and place else language


def _version() -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("attune")
    return None
