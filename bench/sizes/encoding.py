"""Memory and time of the speech encoder alone, in a process of its own.

Run as ``python -m bench.sizes.encoding`` with settings and the number of rounds as JSON on
standard input; prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

from bench.sizes.memory import own


def measure(flags: dict[str, Any], rounds: int) -> dict[str, Any]:
    """What an encoder adds to an interpreter, and to one that has its libraries, in MB."""
    bare = own()
    # Here, because their own memory is told apart; the last one has torch and transformers.
    from assistant.config import load  # noqa: PLC0415
    from assistant.encode.encoder import open_encoder  # noqa: PLC0415
    from bench.sizes.speech import spoken  # noqa: PLC0415

    utterances = spoken()
    libraries = own()
    encoder = open_encoder(load(flags, environ={}, files=()).settings.encode)
    loaded = own()
    times: list[float] = []
    for number in range(rounds + 1):
        for utterance in utterances:
            began = time.monotonic()
            encoder.encode(utterance)
            if number:  # the first round warms up
                times.append((time.monotonic() - began) * 1_000)
    used = own()
    figures = {
        "encode_ms": statistics.median(times),
        "interpreter_mb": bare.now,
        "libraries_mb": libraries.now - bare.now,
        "loaded_mb": loaded.now - libraries.now,
        "peak_mb": used.peak - libraries.now,
        "anonymous_mb": used.anonymous - libraries.anonymous,
    }
    return {name: round(value, 1) for name, value in figures.items()}


if __name__ == "__main__":
    print(json.dumps(measure(**json.load(sys.stdin))))
