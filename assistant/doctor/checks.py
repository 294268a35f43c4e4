"""All checks, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name

from assistant.doctor.finding import Finding
from assistant.doctor.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    name: str
    place: str  # of its function in this package, as MODULE:FUNCTION
    limit_s: float = 20.0  # time after which it is abandoned
    is_loud: bool = False  # whether it can be heard

    @property
    def function(self) -> Callable[[Subject], Finding]:
        """The function that does it."""
        # torch or PortAudio may be what is broken, so neither is loaded before its own check
        return resolve_name(f"assistant.doctor.{self.place}")


CHECKS = (
    Check("python", "machine:python"),
    Check("packages", "machine:packages"),
    Check("sound devices", "sound:sound_devices"),
    Check("microphone", "sound:microphone"),
    Check("voice detection", "sound:voice_detection", 60.0),
    Check("loudspeaker", "sound:loudspeaker"),
    Check("loopback", "sound:loopback", 30.0, is_loud=True),
    Check("espeak-ng", "sound:espeak_ng", 30.0),
    Check("piper", "sound:piper", 60.0),
    Check("encoder", "models:encoder", 180.0),  # gigabytes from a memory card
    Check("language model", "models:language_model", 60.0),
    Check("embedding path", "models:embedding_path", 180.0),
    Check("llama.cpp", "models:llama_cpp", 60.0),
    Check("base bridge", "models:base_bridge", 60.0),
    Check("learned bridges", "models:learned_bridges", 120.0),
    Check("journal", "journal:journal", 300.0),  # reads all of it
    Check("known voice", "journal:known_voice"),
    Check("interruptions", "journal:interruptions"),
    Check("household", "household:household", 30.0),  # a name server may be slow
    Check("disk", "machine:disk"),
    Check("memory", "machine:memory"),
    Check("temperature", "machine:temperature"),
    Check("service", "service:service"),
    Check("user service", "service:user_service"),
    Check("daemon", "service:daemon"),
)
"""All of them."""


def chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """The checks with these names, in order; raises ``KeyError`` for an unknown one."""
    by_name = {check.name: check for check in CHECKS}
    return tuple(by_name[name] for name in names)
