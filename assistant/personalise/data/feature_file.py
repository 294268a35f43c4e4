"""Features of very many utterances on the disk, each computed once.

``NAME.frames`` holds all frames in sequence, and ``NAME.jsonl`` has one line per utterance. A line
is written once its frames are on the disk, so a process killed at any moment loses at most one
utterance. Features are read only when needed, so a training's memory does not grow with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from assistant import durable
from assistant.errors import TrainingError
from assistant.journal.features import STORED, half
from assistant.personalise.bridges import training_files
from assistant.personalise.bridges.shred import shred
from assistant.values import SpeechFeatures, Transcript


@dataclass(frozen=True, slots=True)
class _Whose:
    """The first line: the encoder of the features."""

    encoder: str  # fingerprint
    dim: int
    frame_rate: float


@dataclass(frozen=True, slots=True)
class _Line:
    """One utterance."""

    key: str
    frames: int
    transcript: Transcript


def unheard() -> NDArray[np.float32]:
    """The sound of an utterance of which only the features are kept."""
    raise TrainingError(
        "Only the features of these sentences are kept, not their sound, from which this kind "
        "learns. Use 'assistant retrain' for it."
    )


def unencoded() -> SpeechFeatures:
    """The features of an utterance of which only the sound was wanted."""
    raise TrainingError(
        "Only the sound of these sentences was prepared, not the features, from which this kind "
        "learns. Start the training again."
    )


@dataclass(frozen=True, slots=True, eq=False)
class StoredPair:
    """A pair whose features are read from the disk each time."""

    text: str
    frames: int
    read: Callable[[], SpeechFeatures]
    weight: float = 1.0
    hear: Callable[[], NDArray[np.float32]] = unheard  # gives its sound

    @property
    def features(self) -> SpeechFeatures:
        """The frozen encoder's output."""
        return self.read()

    @property
    def samples(self) -> NDArray[np.float32]:
        """The sound, mono 16 kHz (n_samples,)."""
        return self.hear()


_WHOSE = TypeAdapter(_Whose)
_LINE = TypeAdapter(_Line)


class EncodedFile:
    """Features by key; only one process may write.

    Args:
        folder: created if missing.
        name: of the two files, from ``training_files``.
        encoder: fingerprint; features from another encoder are deleted.

    Every method raises ``TrainingError`` if the files cannot be read or written.
    """

    def __init__(self, folder: Path, name: str, encoder: str) -> None:
        self._folder = folder
        self._encoder = encoder
        self._frames, self._lines = training_files.features(folder, name)
        self._whose: _Whose | None = None
        self._places: dict[str, tuple[int, _Line]] = {}  # first frame and line
        self._end = 0  # frames
        try:
            self._open()
        except OSError as error:
            raise not_written(self._frames, error) from None

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def add(self, key: str, features: SpeechFeatures) -> None:
        """Store an utterance's features."""
        line = _Line(key, len(features.frames), features.transcript)
        try:
            if self._whose is None:
                self._begin(_Whose(features.encoder, features.frames.shape[1], features.frame_rate))
            with open(self._frames, "ab", opener=_existing) as file:
                file.write(half(features.frames).tobytes())
                file.flush()
                os.fsync(file.fileno())
            with open(self._lines, "ab", opener=_existing) as file:
                file.write(_LINE.dump_json(line) + b"\n")
        except FileNotFoundError:
            raise TrainingError(
                f"{self._frames} has been erased, so the training was stopped. Start it again."
            ) from None
        except OSError as error:
            raise not_written(self._frames, error) from None
        self._place(line)

    def features(self, key: str) -> SpeechFeatures:
        """The features under an existing key, in half precision."""
        if self._whose is None:
            raise KeyError(key)
        first, line = self._places[key]
        count = line.frames * self._whose.dim
        try:
            numbers = np.fromfile(self._frames, STORED, count, offset=first * self._width)
        except OSError as error:
            raise self._unreadable(str(error)) from None
        if len(numbers) < count:
            raise self._unreadable("it is cut off")
        return SpeechFeatures(
            numbers.astype(np.float32).reshape(line.frames, -1),
            self._whose.frame_rate,
            line.transcript,
            self._whose.encoder,
        )

    def pair(
        self, key: str, text: str, hear: Callable[[], NDArray[np.float32]] = unheard
    ) -> StoredPair:
        """The utterance under an existing key, with its text and what gives its sound."""
        _, line = self._places[key]
        return StoredPair(text, line.frames, partial(self.features, key), hear=hear)

    def destroy(self) -> None:
        """Overwrite and remove both files."""
        shred([self._frames, self._lines])
        self._whose, self._places, self._end = None, {}, 0

    @property
    def _width(self) -> int:
        """Bytes of a frame."""
        return 2 * (self._whose.dim if self._whose else 0)

    def _open(self) -> None:
        """Read the files up to the first incomplete line."""
        durable.folder(self._folder)
        if not (self._lines.is_file() and self._frames.is_file()):
            return
        lines = self._lines.read_bytes().splitlines(keepends=True)
        there = self._frames.stat().st_size
        whole = 0
        try:
            for number, line in enumerate(lines):
                if not line.endswith(b"\n"):
                    break
                if number == 0:
                    self._whose = _WHOSE.validate_json(line)
                else:
                    found = _LINE.validate_json(line)
                    if (self._end + found.frames) * self._width > there:
                        break
                    self._place(found)
                whole += len(line)
        except ValidationError:
            pass  # damaged: everything after it is computed again
        if self._whose is None or self._whose.encoder != self._encoder:
            self.destroy()
            return
        os.truncate(self._lines, whole)
        os.truncate(self._frames, self._end * self._width)

    def _begin(self, whose: _Whose) -> None:
        """Create both files."""
        self.destroy()
        for path, content in ((self._frames, b""), (self._lines, _WHOSE.dump_json(whose) + b"\n")):
            with open(path, "wb", opener=durable.private) as file:
                file.write(content)
        self._whose = whose

    def _place(self, line: _Line) -> None:
        self._places[line.key] = (self._end, line)
        self._end += line.frames

    def _unreadable(self, why: str) -> TrainingError:
        return TrainingError(f"Cannot read {self._frames}: {why}. Start the training again.")


def not_written(path: Path, error: OSError) -> TrainingError:
    """The error for a file of a training that cannot be written."""
    return TrainingError(
        f"Cannot write {path}: {error.strerror}. Make room and give yourself write permission "
        "there, or set personalise.folder to another folder."
    )


def _existing(path: str, flags: int) -> int:
    """Open an existing file: what is erased during a training must not come back."""
    return os.open(path, flags & ~os.O_CREAT)
