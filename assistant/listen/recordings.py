"""Recordings in place of a microphone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from assistant.audio.downmix import Downmix
from assistant.audio.resample import Resampler
from assistant.errors import AudioFileError
from assistant.listen.framing import Framing
from assistant.values import FRAME_MS, SAMPLE_RATE, AudioFrame

SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64"))
"""Suffixes of recordings in a folder; a file given by itself may have any name."""

RATES = (4_000, 384_000)
"""Plausible sample rates in Hz; a header may claim anything."""

CHANNELS = 64
"""Most channels that a recording may have."""

LONGEST_S = 2 * 3_600.0
"""Longest recording that is held in memory as a whole: 460 MB."""

BLOCK_S = 1
"""Seconds of sound read at once."""

_FRAME_S = FRAME_MS / 1000
_soundfile = cast("Any", soundfile)


class Pace(str, Enum):
    """How fast a recording is fed."""

    REAL_TIME = "real_time"  # as fast as it was spoken
    FAST = "fast"  # as fast as it is consumed


def recordings(path: Path) -> list[Path]:
    """The recording itself, or those in a folder, by name; ``AudioFileError`` if there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise AudioFileError(f"There is no recording {path}. Check the path.")
    found = sorted(
        each
        for each in path.iterdir()
        if each.suffix.lower() in SUFFIXES and not each.name.startswith(".") and each.is_file()
    )
    if not found:
        raise AudioFileError(
            f"The folder {path} holds no recordings ({', '.join(sorted(SUFFIXES))}). "
            "Put some there, or name another folder."
        )
    return found


def load(path: Path) -> NDArray[np.float32]:
    """A whole recording as mono 16 kHz in [-1, 1], shape (n_samples,).

    Raises:
        AudioFileError: if it is missing, not audio, empty, longer than ``LONGEST_S``, or holds
            values that are not numbers.
    """
    blocks: list[NDArray[np.float32]] = []
    left = round(LONGEST_S * SAMPLE_RATE)
    for block in _mono_blocks(path):
        left -= block.shape[0]
        if left < 0:
            raise AudioFileError(
                f"The recording {path} is longer than {LONGEST_S / 3_600:g} hours. Cut it into "
                "shorter ones."
            )
        blocks.append(block)
    whole = np.concatenate(blocks)
    return np.clip(whole, -1, 1, out=whole)


def frames(path: Path, pace: Pace) -> Iterator[AudioFrame]:
    """A recording as a microphone would deliver it, the last frame padded with silence.

    The file is read block by block, so its length does not matter.

    Raises:
        AudioFileError: as ``load``, when the iteration gets there.
    """
    began = time.monotonic()
    for number, samples in enumerate(_cut(_mono_blocks(path))):
        captured_at = number * _FRAME_S
        if pace is Pace.REAL_TIME:
            # a microphone delivers a frame when it is complete
            time.sleep(max(0.0, began + captured_at + _FRAME_S - time.monotonic()))
        yield AudioFrame(samples, captured_at)


def _cut(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.int16]]:
    framing = Framing()
    for block in blocks:
        yield from framing.push(block)
    yield from framing.flush()


def _mono_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    """Mono 16 kHz blocks; at least one sample in all, and every one a finite number."""
    try:
        with _open(path) as file:
            rate = int(file.samplerate)
            downmix, resampler = Downmix(rate), Resampler(rate, SAMPLE_RATE)
            empty = True
            for block in file.blocks(rate * BLOCK_S, dtype="float32", always_2d=True):
                with np.errstate(all="ignore"):  # what is no number is refused below
                    samples = downmix.push(cast("NDArray[np.float32]", block))
                if not np.isfinite(samples).all():
                    raise AudioFileError(
                        f"The recording {path} holds values that are not numbers. Save it again "
                        "from the program that made it."
                    )
                empty = empty and samples.shape[0] == 0
                yield resampler.push(samples)
    except _soundfile.LibsndfileError as error:
        raise AudioFileError(
            f"The recording {path} is damaged ({error}). Save it again, or use another."
        ) from None
    if empty:
        raise AudioFileError(f"The recording {path} is empty. Record it again.")
    yield resampler.push(np.empty(0, np.float32), last=True)


def _open(path: Path) -> Any:
    name = os.fsencode(path).decode(errors="backslashreplace")
    if name != str(path):  # neither soundfile nor the database accepts it
        raise AudioFileError(f"The recording's name {name} is not UTF-8. Rename it.")
    if not path.is_file():
        raise AudioFileError(f"There is no recording {path}. Check the path.")
    try:
        file = _soundfile.SoundFile(path)
    except (_soundfile.LibsndfileError, TypeError) as error:
        # TypeError: a file named .raw says nothing about its rate and channels
        raise AudioFileError(
            f"{path} is not a recording that can be read ({error}). Use WAV, FLAC, OGG or MP3."
        ) from None
    if not RATES[0] <= file.samplerate <= RATES[1] or file.channels > CHANNELS:
        file.close()
        raise AudioFileError(
            f"The recording {path} claims {file.samplerate} samples per second and "
            f"{file.channels} channels, which cannot be right. Save it again from the program "
            "that made it."
        )
    return file
