"""The room between a virtual loudspeaker and a virtual microphone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from assistant.values import SAMPLE_RATE
from tests.sound import SoundServer

_RAISED_DB = 8
"""By so much PulseAudio raises what goes through such a room."""


def room(delay_s: float) -> NDArray[np.float64]:
    """How a small room with a delay before it answers a click; half as loud as what is played."""
    rng = np.random.default_rng(7)
    tail = rng.normal(size=1_600) * np.exp(-np.arange(1_600) / 300) * 0.06
    return np.concatenate([np.zeros(round(delay_s * SAMPLE_RATE)), [0.5], tail])


def furnish(server: SoundServer, folder: Path, delay_s: float, gain_db: float = -6.0) -> None:
    """From now on the default loudspeaker stands in a room with the microphone.

    PulseAudio itself does the filtering where it mixes, so that the way through the room never
    changes, however busy the machine is.

    Args:
        server: of both.
        folder: where the room's answer is kept.
        delay_s: of the way through it.
        gain_db: how loud its own voice comes back; -6 is half the amplitude.
    """
    answer = folder / "room.wav"
    soundfile.write(answer, room(delay_s).astype(np.float32), SAMPLE_RATE, subtype="FLOAT")
    server.load(
        "module-virtual-surround-sink sink_name=room sink_master=mouth channels=1 "
        f"channel_map=mono rate=48000 hrir_left={answer}"
    )
    server.volume("room", gain_db - _RAISED_DB)
    server.default(sink="room")
