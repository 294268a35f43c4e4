"""Speaks text through the default loudspeaker and tells what became of it as JSON.

PortAudio freezes its devices when it is initialised, so tests run this as a subprocess.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

from assistant.config import SpeakSettings
from assistant.errors import AttuneError
from assistant.speak.aloud import speak
from assistant.speak.espeak import SPEECH_RATE, Espeak, Speech
from assistant.speak.playback import Loudspeaker


def main() -> None:
    options = json.loads(sys.argv[1])
    settings = SpeakSettings.model_validate(options.get("settings", {}))
    loudspeaker = Loudspeaker(settings, options.get("sample_rate", SPEECH_RATE))

    def on_first_audio() -> None:
        print("speaking", flush=True)  # noqa: T201 - the test waits for it
        if options.get("stop"):
            threading.Thread(target=stop_at_end_of_input, args=[loudspeaker], daemon=True).start()

    def pieces() -> Iterator[str]:
        for piece in options.get("pieces", []):
            yield piece
            time.sleep(options.get("pause_s", 0.0))

    told: dict[str, object] = {}
    try:
        if "tone_s" in options:
            seconds = np.arange(int(options["tone_s"] * SPEECH_RATE)) / SPEECH_RATE
            tone = 8_000 * np.sin(2 * np.pi * 440 * seconds)
            loudspeaker.begin("tone")
            loudspeaker.play(Speech(tone.astype(np.int16), SPEECH_RATE))
            loudspeaker.end()
        for _ in range(options.get("times", 1)):
            told["spoken"] = speak(pieces(), Espeak(settings), loudspeaker, on_first_audio)
    except AttuneError as error:
        told["error"] = [type(error).__name__, str(error)]
    print(json.dumps(told), flush=True)  # noqa: T201


def stop_at_end_of_input(loudspeaker: Loudspeaker) -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a daemon thread must not hold at exit
        pass
    loudspeaker.stop()


if __name__ == "__main__":
    main()
