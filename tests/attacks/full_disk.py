"""Erases on a disk without room: ``python -m tests.attacks.full_disk FOLDER WORDS...``.

The folder is on a small disk of its own. What is left there is told as JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from assistant.journal.deletion import keep_room
from assistant.journal.store import Journal
from assistant.values import MICROPHONE, EndReason, Utterance
from tests.attacks.bounds import command
from tests.journal.exchanges import STARTED_AT

SAID = b"my secret number is 4711"
EXCHANGES = 12


def live(path: Path) -> None:
    """Exchanges of a megabyte each, with a word in them, in a journal that is then closed."""
    with Journal(path) as journal:
        keep_room(path)
        for seed in range(EXCHANGES):
            noise = np.random.default_rng(seed).uniform(-1, 1, 500_000).astype(np.float32)
            turn_id = journal.hear(Utterance(noise, STARTED_AT, EndReason.STOP, source=MICROPHONE))
            journal.correct(turn_id, SAID.decode())


def fill(ballast: Path) -> None:
    """Leave no room at all."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    with suppress(OSError), ballast.with_name("more").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1))


def main(folder: Path, words: list[str]) -> None:
    path = folder / "data" / "journal.db"
    live(path)
    fill(folder / "ballast")
    done = command(folder, words, {"ATTUNE_JOURNAL__PATH": str(path)})
    files = [each for each in path.parent.rglob("*") if each.is_file()]
    with Journal(path) as journal:
        left = journal.count()
    told = {
        "status": done.returncode,
        "told": done.stdout + done.stderr,
        "left": left,
        "found": [each.name for each in files if SAID in each.read_bytes()],
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
