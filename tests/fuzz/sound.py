"""Recordings: WAV and FLAC, through libsndfile."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import soundfile

from assistant.errors import AttuneError
from assistant.listen import recordings
from tests.fuzz.place import put


def _file(kind: str, subtype: str) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, np.zeros(800), 8_000, format=kind, subtype=subtype)
    return data.getvalue()


SEEDS = [_file("WAV", "PCM_16"), _file("WAV", "FLOAT"), _file("FLAC", "PCM_16")]


def read(data: bytes) -> None:
    with suppress(AttuneError):
        recordings.load(put("a.wav", data))
