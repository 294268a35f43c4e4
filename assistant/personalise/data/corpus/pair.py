"""The contents of a corpus: pairs of sound and text, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import AudioFileError
from assistant.listen import recordings
from assistant.personalise.data.quality import SILENT_DB, Level
from assistant.spoken import shortest_s
from assistant.values import SAMPLE_RATE, sealed

SHORTEST_S = 0.3
LONGEST_S = 20.0
"""Shortest and longest sentences to learn from; longer ones should be cut up."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One sentence: how it sounds and what it says."""

    samples: NDArray[np.float32]  # mono 16 kHz in [-1, 1], shape (n_samples,)
    text: str  # spoken form
    source: str  # path of the recording; for a part of it, with "#from-to" in ms

    def __post_init__(self) -> None:
        sealed(self.samples, "float32", 1, "Pair.samples")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[0] / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Skipped:
    """A well-formed sentence that cannot be learned from."""

    where: str  # "file:line", or the file
    why: str  # one of a few reasons, so that they can be counted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that should be fixed."""

    where: str  # "file:line", or the file
    why: str


Found = Pair | Skipped | Problem

MOST_LETTERS = (40, 40)
"""Letters allowed for any recording, and in addition per second: twice a fast talker's rate."""

LARGEST_TEXT = 50_000_000
"""Most bytes of a text file, which is read whole; TalkBank's largest have 2 MB."""


def text_of(path: Path) -> bytes:
    """The content of a text file.

    Raises:
        ValueError: if it is not an ordinary file, or is too large for a text.
        OSError: if it cannot be read.
    """
    if not path.is_file():  # reading a pipe would block, and a device never ends
        raise ValueError("it is not an ordinary file")
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError("it is too large for a text")
    return path.read_bytes()


def leads_out(path: Path, root: Path) -> str | None:
    """Why a file is refused if its name or a link leads out of the corpus's folder."""
    real = path.resolve()
    if real.is_relative_to(root.resolve()):
        return None
    return f"leads out of {written(root)}, to {written(real)}: put the file itself there"


def too_much(text: str, seconds: float) -> str | None:
    """Why a text is refused if it is too long for that time."""
    at_once, each_second = MOST_LETTERS
    if len(text) > at_once + each_second * seconds:
        return f"has more text ({len(text)} letters) than can be said in {seconds:.1f} s"
    return None


def written(path: Path) -> str:
    """A path as text, even if its name holds bytes that are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def load(recording: Path) -> NDArray[np.float32]:
    """A whole recording as mono 16 kHz in [-1, 1], shape (n_samples,).

    Raises:
        AudioFileError: if it cannot be read.
    """
    try:
        return recordings.load(recording)
    except UnicodeEncodeError:
        raise AudioFileError(
            f"The recording {written(recording)} has a name that is not UTF-8. Rename it."
        ) from None


def unfit(seconds: float, text: str = "") -> str | None:
    """Why a sentence of this length, with this text, is left out, if so."""
    if seconds < SHORTEST_S:
        return f"shorter than {SHORTEST_S:g} s"
    if seconds > LONGEST_S:
        return f"longer than {LONGEST_S:g} s"
    if seconds < shortest_s(text):
        return "too short for the words"
    return None


def unheard(samples: NDArray[np.float32]) -> str | None:
    """Why a recording, mono 16 kHz, shape (n_samples,), is left out if nothing is heard in it."""
    return "silent" if Level.of(samples).decibels < SILENT_DB else None
