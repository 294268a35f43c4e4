"""Real voices made atypical: slow, slurred, flat, breathy, with pauses, restarts and repetitions.

A recording is taken apart by the WORLD vocoder and put together again more slowly, with its
articulation smeared over time, a smaller vowel space, a flatter pitch and more breath; before that,
pauses come into it, and stretches are begun again, as aphasic speech has them. It stands in for
people only as far as a simulation can, and is named as simulated wherever it is reported.

    python -m bench.impair voice.wav --out samples  # a recording per severity, to listen to
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from assistant.listen.recordings import load
from assistant.values import SAMPLE_RATE

Severity = Literal["mild", "moderate", "severe"]
Floats = NDArray[np.float64]

FRAME_MS = 5.0
"""From frame to frame of the vocoder."""

BREATH_HZ = 1_000.0
"""Breath is heard above this."""

HESITATION_S = (0.25, 0.9)
"""Shortest and longest pause that is put in."""

RESTART_S = (0.25, 0.7)
"""Shortest and longest stretch that is said again."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """How far from typical a voice is made."""

    slowness: float  # factor on all durations
    smear_ms: float  # over which articulation blurs
    vowel_space: float  # share of the spectral contrast that is left
    pitch_range: float  # share of the pitch movement that is left
    breath: float  # share of the voice that becomes noise, 0 to 1
    hesitations: float  # pauses a second of speech
    restarts: float  # stretches begun again a second of speech


SEVERITIES: dict[Severity, Impairment] = {
    "mild": Impairment(1.4, 95, 0.65, 0.6, 0.15, 0.2, 0.08),
    "moderate": Impairment(1.6, 165, 0.48, 0.4, 0.3, 0.3, 0.12),
    "severe": Impairment(1.8, 245, 0.36, 0.2, 0.4, 0.35, 0.15),
}


HOARSE = Impairment(1.0, 5, 1.0, 0.6, 0.7, 0.0, 0.0)
"""A cold: everything is as it was but the voice, most of which is breath."""


def impair(samples: NDArray[np.float32], severity: Severity, seed: int) -> NDArray[np.float32]:
    """Mono 16 kHz speech (n_samples,) as somebody impaired might have said it.

    Args:
        samples: clean speech of one person.
        severity: how much.
        seed: where pauses and restarts come; the same seed gives the same samples.
    """
    return changed(samples, SEVERITIES[severity], seed)


def changed(samples: NDArray[np.float32], how: Impairment, seed: int) -> NDArray[np.float32]:
    """As ``impair``, for any way to speak."""
    rng = np.random.default_rng(seed)
    halting = _halting(samples.astype(np.float64), how, rng)
    world = _world()
    pitch, times = world.dio(halting, SAMPLE_RATE, frame_period=FRAME_MS)
    pitch = world.stonemask(halting, pitch, times, SAMPLE_RATE)
    envelope = world.cheaptrick(halting, pitch, times, SAMPLE_RATE)
    breath = world.d4c(halting, pitch, times, SAMPLE_RATE)

    at = np.arange(round(len(pitch) * how.slowness)) / how.slowness
    nearest = np.minimum(at.round().astype(int), len(pitch) - 1)
    spoken = world.synthesize(
        _flat(pitch, how.pitch_range)[nearest],
        np.exp(_slurred(np.log(envelope)[nearest], how)),
        _breathy(breath[nearest], how.breath),
        SAMPLE_RATE,
        FRAME_MS,
    )
    loudest = float(np.abs(samples).max(initial=0.0))
    spoken *= loudest / max(1e-9, float(np.abs(spoken).max(initial=0.0)))
    return spoken.astype(np.float32)


def _slurred(envelope: Floats, how: Impairment) -> Floats:
    """Log envelopes (n_frames, n_bins), blurred over time and nearer to the average sound.

    Loudness keeps its contrast, else silence would be filled with murmur.
    """
    loudness = envelope.mean(axis=1, keepdims=True)
    shape = envelope - loudness
    voiced = np.exp(loudness) / np.exp(loudness).sum()
    average = (shape * voiced).sum(axis=0)
    width = max(1, round(how.smear_ms / FRAME_MS)) | 1
    kernel = np.hanning(width + 2)[1:-1]
    # frames count by their loudness: silence is no articulation that speech could blur into
    weight = np.exp(0.5 * loudness)
    total = _over_time(weight, kernel)
    blurred = _over_time(shape * weight, kernel) / total
    level = np.log(_over_time(np.exp(loudness), kernel / kernel.sum()))
    return level + average + how.vowel_space * (blurred - average)


def _over_time(frames: Floats, kernel: Floats) -> Floats:
    """Each column of (n_frames, n) convolved with a kernel, at the same length."""
    half = len(kernel) // 2
    padded = np.pad(frames, ((half, half), (0, 0)), "edge")
    return sum(
        (weight * padded[at : at + len(frames)] for at, weight in enumerate(kernel)),
        np.zeros_like(frames),
    )


def _flat(pitch: Floats, share: float) -> Floats:
    """Pitch (n_frames,) in Hz with less movement around its mean; 0 stays unvoiced."""
    voiced = pitch > 0
    if not voiced.any():
        return pitch
    mean = np.log(pitch[voiced]).mean()
    flat = pitch.copy()
    flat[voiced] = np.exp(mean + share * (np.log(pitch[voiced]) - mean))
    return flat


def _breathy(aperiodicity: Floats, share: float) -> Floats:
    """Aperiodicity (n_frames, n_bins) with more noise above ``BREATH_HZ``."""
    hz = np.linspace(0, SAMPLE_RATE / 2, aperiodicity.shape[1])
    more = share * np.clip(hz / BREATH_HZ, 0, 1)
    return 1 - (1 - aperiodicity) * (1 - more)


def _halting(samples: Floats, how: Impairment, rng: np.random.Generator) -> Floats:
    """Speech with pauses and restarts at quiet places."""
    seconds = len(samples) / SAMPLE_RATE
    n_pauses, n_restarts = rng.poisson([how.hesitations * seconds, how.restarts * seconds])
    places = _quiet_places(samples)
    chosen = rng.permutation(places)[: n_pauses + n_restarts]
    restarts = set(rng.permutation(chosen)[:n_restarts].tolist())
    parts: list[Floats] = []
    begin = 0
    for place in sorted(chosen.tolist()):
        parts.append(samples[begin:place])
        if place in restarts:
            length = round(rng.uniform(*RESTART_S) * SAMPLE_RATE)
            parts += [_silence(rng), samples[max(0, place - length) : place]]
        else:
            parts.append(_silence(rng))
        begin = place
    return np.concatenate([*parts, samples[begin:]])


def _silence(rng: np.random.Generator) -> Floats:
    """A pause, not digitally silent."""
    n_samples = round(rng.uniform(*HESITATION_S) * SAMPLE_RATE)
    return rng.standard_normal(n_samples) * 1e-4


def _quiet_places(samples: Floats) -> NDArray[np.int64]:
    """Samples in the middle of dips between syllables; words begin at many of them."""
    window = SAMPLE_RATE // 25
    loudness = np.convolve(samples**2, np.hanning(window), "same")[:: window // 4]
    inner = loudness[1:-1]
    dips = np.flatnonzero((inner < loudness[:-2]) & (inner <= loudness[2:])) + 1
    deep = loudness[dips] < 0.1 * loudness.mean()
    return dips[deep] * (window // 4)


@cache
def _world() -> Any:
    """The compiled part of pyworld; the rest wants pkg_resources, which setuptools dropped."""
    package = find_spec("pyworld")
    for folder in (package and package.submodule_search_locations) or ():
        for path in Path(folder).glob("pyworld.*.so"):
            found = spec_from_file_location("pyworld.pyworld", path)
            if found is not None and found.loader is not None:
                module = module_from_spec(found)
                found.loader.exec_module(module)
                return module
    raise SystemExit("This needs pyworld: install Attune with its extra 'impair'.")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for the samples")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    samples = load(arguments.recording)
    for severity in SEVERITIES:
        path = arguments.out / f"{arguments.recording.stem}-{severity}.wav"
        soundfile.write(path, impair(samples, severity, arguments.seed), SAMPLE_RATE)
        print(path)


if __name__ == "__main__":
    main()
