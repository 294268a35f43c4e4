"""Where training speech and its text come from: the recipe's dialogues, and recordings."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.recipe.dialogues import collected, exchanges, held_out

SAMPLE_RATE = 16_000


def spoken_form(text: str) -> str:
    """Lower case, letters, apostrophes and single spaces: what an encoder can write."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("-", " ")
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", " ", text)
    return " ".join(re.sub(r"[^a-z' ]+", " ", text).split())


class Sentences:
    """Endless sentences to be spoken in training.

    Most are requests from the dialogues; some are replies, requests that people wrote
    (where the public text collections are given) and loose strings of words, so that the
    encoder learns to spell every word in any company.
    """

    def __init__(self, seed: int, data: Path | None) -> None:
        self._rng = random.Random(seed)
        self._exchanges = exchanges(random.Random(seed + 1))
        written: list[str] = []
        if data is not None:
            written = [user for _, user, _, _ in collected(data, random.Random(seed))]
            written = [text for text in written if not held_out(text)]
            written += [spoken_form(clip.text) for clip in recordings(data, held_out_part=False)]
        self._written = [text for text in written if 1 <= len(text.split()) <= 14]
        self._words = list(self._collect_words())

    def _collect_words(self) -> set[str]:
        words = {word for text in self._written for word in text.split()}
        for _ in range(30_000):
            words.update(next(self._exchanges).user.split())
        return words

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        draw = self._rng.random()
        if draw < 0.10 and self._written:
            return self._rng.choice(self._written)
        if draw < 0.18:
            return " ".join(self._rng.sample(self._words, self._rng.randint(1, 6)))
        while True:
            exchange = next(self._exchanges)
            if draw < 0.26:
                reply = spoken_form(exchange.reply)
                if 2 <= len(reply.split()) <= 14:
                    return reply
            elif not held_out(exchange.user):
                return exchange.user


def held_out_requests(seed: int, count: int) -> list[str]:
    """Distinct requests that no training has seen."""
    found: dict[str, None] = {}
    for exchange in exchanges(random.Random(seed)):
        if held_out(exchange.user):
            found[exchange.user] = None
            if len(found) == count:
                break
    return list(found)


@dataclass(frozen=True, slots=True)
class Clip:
    """One human recording."""

    path: Path
    text: str
    speaker: str


def recordings(data: Path, *, held_out_part: bool) -> list[Clip]:
    """The human recordings: speechocean762 and Kathleen's ARCTIC sentences.

    Held out are speechocean speakers whose number ends in 0 or 5 and Kathleen's sentences
    whose ARCTIC number ends in 7.
    """
    folder = data / "speech" / "speechocean762-train"
    clips = [
        Clip(folder / row["file"], row["text"], f"so{row['speaker']}")
        for row in _rows(folder)
        if (row["speaker"][-1] in "05") == held_out_part
    ]
    folder = data / "speech" / "kathleen"
    clips += [
        Clip(folder / row["file"], row["text"], "kathleen")
        for row in _rows(folder)
        if (row["file"].split("_")[1][-1] == "7") == held_out_part  # arctic_a0007_...
    ]
    return [clip for clip in clips if not re.search(r"\d", clip.text)]


def _rows(folder: Path) -> list[dict[str, str]]:
    table = folder / "utterances.tsv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def read(clip: Clip) -> NDArray[np.float32]:
    """Samples of a recording, mono 16 kHz, shape (n_samples,)."""
    samples, rate = soundfile.read(clip.path, dtype="float32")
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    return np.asarray(samples, np.float32)
