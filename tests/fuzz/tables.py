"""Tables of recordings and texts."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import soundfile

from assistant.errors import AttuneError
from assistant.personalise.data.corpus import pairs
from tests.fuzz.place import PLACE, put

SEEDS = [
    b'path,text\na.wav,good morning\n"a.wav","good ""old"" morning"\n../a.wav,no\n',
    b"file;sentence\na.wav;hello\n",
]

soundfile.write(PLACE / "a.wav", 0.1 * np.sin(np.arange(16_000) / 20), 16_000)


def read(data: bytes) -> None:
    for name in ("table.csv", "table.tsv"):
        with suppress(AttuneError):
            list(pairs(put(name, data)))
