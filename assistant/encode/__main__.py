"""Measures one way of computing the speech encoder, in a process of its own.

Run as ``python -m assistant.encode`` with a JSON order on standard input; the measurements go out
as JSON on standard output. Exporting the network has its own process, too, because it needs the
weights in float, which whatever runs it afterwards does not.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from assistant import child
from assistant.config import EncodeSettings
from assistant.encode import onnx_runtime
from assistant.encode.encoder import Encoder, open_encoder
from assistant.errors import AttuneError
from assistant.values import SAMPLE_RATE, EndReason, Utterance

SECONDS = 5.0
"""Length of the utterance that is timed."""

ROUNDS = 5
"""How often it is timed, after one warm-up pass."""


def main() -> int:
    """Carry out the order; exit 0, or 1 with a sentence if it fails."""
    order, answer = child.serve()
    settings = EncodeSettings.model_validate(order["settings"])
    try:
        encoder = open_encoder(settings)
        if order["task"] == "export":
            if not onnx_runtime.place(settings.cache, encoder.fingerprint).is_file():
                encoder.export(settings.cache)
            answer({})
        else:
            answer(_measured(encoder, Path(order["sounds"]), Path(order["frames"])))
    except AttuneError as error:
        answer({"failure": str(error)})
        return 1
    return 0


def _measured(encoder: Encoder, sounds: Path, frames: Path) -> dict[str, object]:
    """Time and memory for ``SECONDS`` of speech, then the transcript of each recording."""
    found: dict[str, NDArray[np.float32]] = load_file(sounds)
    utterance = _utterance(
        np.resize(np.concatenate(list(found.values())), round(SECONDS * SAMPLE_RATE))
    )
    milliseconds = statistics.median(_times(encoder, utterance))
    peak_mb = child.peak_mb()
    heard = {at: encoder.encode(_utterance(samples)) for at, samples in sorted(found.items())}
    save_file({at: features.frames for at, features in heard.items()}, frames)
    return {
        "milliseconds": milliseconds,
        "peak_mb": peak_mb,
        "fingerprint": encoder.fingerprint,
        "transcripts": [features.transcript.text for features in heard.values()],
    }


def _times(encoder: Encoder, utterance: Utterance) -> Iterable[float]:
    encoder.encode(utterance)
    for _ in range(ROUNDS):
        began = time.monotonic()
        encoder.encode(utterance)
        yield (time.monotonic() - began) * 1_000


def _utterance(samples: NDArray[np.float32]) -> Utterance:
    return Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
