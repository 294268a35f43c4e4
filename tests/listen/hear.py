"""Listens to the default microphone until its input is closed, and tells what it heard as JSON.

PortAudio freezes its devices when it is initialised, so tests run this as a subprocess.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from assistant.audio import portaudio
from assistant.config import ListenSettings
from assistant.errors import AttuneError
from assistant.listen.capture import Microphone
from assistant.listen.segment import segment, voiced
from assistant.values import AudioFrame
from tests.settings import block


def main() -> None:
    options = json.loads(sys.argv[1])
    settings = block(ListenSettings, **options["settings"])
    told: dict[str, object] = {}
    frames = 0
    ages: list[float] = []
    moments: list[float] = []

    def counted(microphone: Microphone) -> Iterator[AudioFrame]:
        nonlocal frames
        for frame in microphone:
            ages.append(time.monotonic() - frame.captured_at)
            moments.append(frame.captured_at)
            if frames == 0:
                say("listening")
                time.sleep(options.get("pause_s", 0.0))
            frames += 1
            yield frame

    try:
        if options.get("list"):
            told["has"] = [portaudio.has_input(), portaudio.has_output()]
            told["devices"] = [
                [device.name, device.kind.value, device.default] for device in portaudio.devices()
            ]
        else:
            with Microphone(settings) as microphone:
                threading.Thread(
                    target=stop_at_end_of_input, args=[microphone], daemon=True
                ).start()
                utterances = segment(counted(microphone), voiced(settings.vad_mode), settings)
                heard: list[object] = []
                for number, each in enumerate(utterances):
                    np.save(Path(options["folder"]) / f"{number}.npy", each.samples)
                    heard.append([each.seconds, each.end_reason.value, each.endpoint_ms])
                told["utterances"] = heard
                told["overruns"] = microphone.overruns
    except AttuneError as error:
        told["error"] = [type(error).__name__, str(error)]
    told["frames"] = frames
    told["youngest_s"] = min(ages, default=None)
    told["gaps_s"] = [after - before for before, after in pairwise(moments)]
    say(json.dumps(told))


def stop_at_end_of_input(microphone: Microphone) -> None:
    while os.read(0, 1):  # not sys.stdin, whose lock a daemon thread must not hold at exit
        pass
    microphone.stop()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
