"""A household of its own for benches that start the command itself."""

from __future__ import annotations

import os
from pathlib import Path

from tests.sound import SoundServer


def household(place: Path) -> dict[str, str]:
    """The environment of one in this folder, without the settings of whoever started the bench."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")},
        "XDG_DATA_HOME": str(place / "data"),
        "XDG_CONFIG_HOME": str(place / "config"),
        "ATTUNE_CONTROL__PATH": str(place / "control.sock"),
        "ATTUNE_SPEAK__WAV_DIR": str(place / "replies"),
    }


def audible(place: Path, sound: SoundServer) -> dict[str, str]:
    """The same for one with the microphone and the loudspeaker of a sound server."""
    devices = {n: value for n, value in sound.env.items() if os.environ.get(n) != value}
    environment = household(place) | devices
    del environment["ATTUNE_SPEAK__WAV_DIR"]
    return environment
