"""What a corpus gives: pairs of sound and text, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import AudioFileError
from assistant.listen import recordings
from assistant.values import SAMPLE_RATE, sealed

SHORTEST_S = 0.3
LONGEST_S = 20.0
"""Sentences last between these; the longer ones are for cutting, not for learning."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One sentence: how it sounds and what it says."""

    samples: NDArray[np.float32]  # mono 16 kHz in [-1, 1], shape (n_samples,)
    text: str  # spoken form
    source: str  # path of the recording, for a part of it with "#from-to" in ms

    def __post_init__(self) -> None:
        sealed(self.samples, np.float32, 1, "Pair.samples")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[0] / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sentence that is well formed and still not for learning."""

    where: str  # "file:line", or the file
    why: str  # one of few reasons, so that they can be counted


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that ought to be mended."""

    where: str  # "file:line", or the file
    why: str


Found = Pair | Skipped | Problem

MOST_LETTERS = (40, 40)
"""Letters that can be said in no time, and per second beside: twice what a fast talker says."""

LARGEST_TEXT = 50_000_000
"""Bytes of a file of texts, which is read as a whole; the largest of TalkBank's have 2 MB."""


def text_of(path: Path) -> bytes:
    """What stands in a file of texts.

    Raises:
        ValueError: if it is no ordinary file, or larger than any text.
        OSError: if it cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for, a device never ends
        raise ValueError("it is not an ordinary file")
    if path.stat().st_size > LARGEST_TEXT:
        raise ValueError("it is larger than any text")
    return path.read_bytes()


def leads_out(path: Path, root: Path) -> str | None:
    """Why a file is not taken if its name or a link leads out of the folder that was given."""
    real = path.resolve()
    if real.is_relative_to(root.resolve()):
        return None
    return f"leads out of {written(root)}, to {written(real)}: put the file itself there"


def too_much(text: str, seconds: float) -> str | None:
    """Why so much text cannot be what is said in that time, if it is more."""
    at_once, each_second = MOST_LETTERS
    if len(text) > at_once + each_second * seconds:
        return f"has more text ({len(text)} letters) than can be said in {seconds:.1f} s"
    return None


def written(path: Path) -> str:
    """A path as text, also where its name holds bytes that are not UTF-8."""
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


def unfit(seconds: float) -> str | None:
    """Why a sentence of this length is left out, if it is."""
    if seconds < SHORTEST_S:
        return f"shorter than {SHORTEST_S:g} s"
    if seconds > LONGEST_S:
        return f"longer than {LONGEST_S:g} s"
    return None
