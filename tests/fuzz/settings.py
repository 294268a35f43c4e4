"""Settings files, and their change by 'models use'."""

from __future__ import annotations

from contextlib import suppress

from assistant.config import load
from assistant.config.edit import change
from assistant.errors import AttuneError
from tests.fuzz.place import put

SEEDS = [
    (
        b'route = "auto"\n[listen]\nsilence_ms = 900\n[encode]\nwords = ["Bob"]\n'
        b'[journal]\npath = "~/x.db"\n[household]\nhelp_command = "true"\n'
    ),
    b"listen = {vad_mode = 1}\n[[idle]]\n",
]


def read(data: bytes) -> None:
    path = put("attune.toml", data)
    with suppress(AttuneError):
        load(environ={}, files=(path,)).rows()
    with suppress(AttuneError):
        change(path, {"generate.path": "x"})
