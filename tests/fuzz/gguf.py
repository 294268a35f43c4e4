"""Language models: what is read of a GGUF before llama.cpp is asked to open it."""

from __future__ import annotations

from contextlib import suppress

from assistant.errors import AttuneError
from assistant.generate.embedding_path import refuse_by_header
from assistant.generate.gguf import GGUFFile
from tests.fuzz.place import PLACE, put
from tests.generate import toys

SEEDS = [toys.write(PLACE / "seed.gguf", toys.Toy()).read_bytes()]


def read(data: bytes) -> None:
    with suppress(AttuneError):
        file = GGUFFile(put("model.gguf", data))
        refuse_by_header(file)
        file.check_vocabulary()
        file.tokens()
        _ = (file.chat_template, file.reads_spoken, file.bos, file.eos, file.embedding_fingerprint)
