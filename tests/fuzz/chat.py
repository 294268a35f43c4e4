"""CHAT transcripts."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import soundfile

from assistant.errors import AttuneError
from assistant.personalise.data.corpus import pairs
from tests.fuzz.place import PLACE, put

SEEDS = [
    (
        b"@UTF8\n@Begin\n@Participants:\tPAR Participant\n@ID:\teng|x|PAR|||||Participant|||\n"
        b"@Media:\tvisit, audio\n*PAR:\toh <the boy> [/] the (be)cause &-uh [x 3] going@n "
        b"[: gone]\n\tclimbing +... \x15100_2000\x15\n%com:\tpoints\n*PAR:\t<<a [x 2]> [//]> "
        b"[X 2] 0is [= b] xxx , &=laughs ! \x152100_3500\x15\n@End\n"
    )
]

soundfile.write(PLACE / "visit.wav", 0.1 * np.sin(np.arange(16_000 * 4) / 20), 16_000)


def read(data: bytes) -> None:
    with suppress(AttuneError):
        list(pairs(put("visit.cha", data)))
