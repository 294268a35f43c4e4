"""Which checks there are, in the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from assistant.doctor.finding import Finding
from assistant.doctor.subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """One check: a function of one of this package's modules, which is loaded when it is run."""

    name: str
    module: str
    limit_s: float = 20.0  # time after which it is given up
    is_loud: bool = False  # whether it can be heard

    @property
    def function(self) -> Callable[[Subject], Finding]:
        """What does it."""
        # torch and PortAudio may be what is broken: neither is loaded before its own check
        module = import_module(f"assistant.doctor.{self.module}")
        name = self.name.replace(" ", "_").replace("-", "_").replace(".", "_")
        return cast("Callable[[Subject], Finding]", getattr(module, name))


CHECKS = (
    Check("python", "machine"),
    Check("packages", "machine"),
    Check("sound devices", "sound"),
    Check("microphone", "sound"),
    Check("voice detection", "sound", 60.0),
    Check("loudspeaker", "sound"),
    Check("loopback", "sound", 30.0, is_loud=True),
    Check("espeak-ng", "sound", 30.0),
    Check("piper", "sound", 60.0),
    Check("encoder", "models", 180.0),  # gigabytes from a memory card
    Check("language model", "models", 60.0),
    Check("embedding path", "models", 180.0),
    Check("llama.cpp", "models", 60.0),
    Check("base bridge", "models", 60.0),
    Check("learned bridges", "models", 120.0),
    Check("journal", "journal", 300.0),  # reads all of it
    Check("disk", "machine"),
    Check("memory", "machine"),
    Check("temperature", "machine"),
    Check("service", "service"),
    Check("user service", "service"),
    Check("daemon", "service"),
)
"""All of them."""


def chosen(names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of these names, in order.

    Raises:
        KeyError: if there is none of a name.
    """
    by_name = {check.name: check for check in CHECKS}
    return tuple(by_name[name] for name in names)
