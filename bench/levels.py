"""What a quiet, noisy or narrow microphone costs in words, and what automatic gain does about it.

Held-out human recordings are put under a noise and brought to a level, pass through the voice
activity detector, the endpointer and the recogniser as in the daemon, and are compared with what
was said: as they are, and with ``listen.gain = "auto"``. ``--webrtc`` adds WebRTC's automatic gain
and noise suppression; it needs ``pip install webrtc-noise-gain``.

    python -m bench.levels --data PATH --count 12 --webrtc
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import resample, to_float32, to_int16
from assistant.config import Settings, load
from assistant.encode.encoder import Encoder, open_encoder
from assistant.listen.gain import AutomaticGain
from assistant.listen.segment import segment, voiced
from assistant.spoken import said_words
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame
from models.recipe.corpus import Clip, read, recordings
from models.recipe.encoder import word_errors

Samples = NDArray[np.float32]
Process = Callable[[NDArray[np.int16]], NDArray[np.int16]]

AROUND_S = 1.5
"""Seconds without speech before and after each recording."""

SETTLED_S = 40.0
"""Seconds of noise that a gain or a suppressor has heard before, as in a daemon that listens."""

BLOCK = SAMPLE_RATE // 100
"""Samples that WebRTC takes at once."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a microphone hears somebody."""

    name: str
    peak_dbfs: float = -6.0  # of the voice
    noise_dbfs: float = -70.0  # root mean square
    noise: str = "white"
    rate: int = SAMPLE_RATE  # of the microphone


CONDITIONS = (
    Condition("near"),
    Condition("8 kHz headset", rate=8_000),
    Condition("far, -46 dB over -70 dB", -46.0, -70.0),
    Condition("far, -56 dB over -80 dB", -56.0, -80.0),
    Condition("near, fan 10 dB below", noise_dbfs=-36.0, noise="fan"),
    Condition("near, voices 10 dB below", noise_dbfs=-36.0, noise="voices"),
)
"""A peak is about 20 dB above the average of a voice."""

WEBRTC = {"WebRTC gain": (3, 0), "suppression": (0, 2), "both": (3, 2)}
"""Target of the automatic gain in dB below full scale, and level of noise suppression (0 to 4), as
webrtc-noise-gain has them; 0 is off."""


def under(condition: Condition, samples: Samples, others: list[Clip], seed: int) -> Samples:
    """A recording as it is heard, with what is heard before and after it."""
    rng = np.random.default_rng(seed)
    voice = samples * np.float32(_gain(condition.peak_dbfs) / np.abs(samples).max())
    whole: Samples = np.pad(voice, round(AROUND_S * SAMPLE_RATE)).astype(np.float32)
    noise = _noise(condition.noise, len(whole), others, rng)
    power = float(np.sqrt(np.mean(np.square(noise))))
    whole += noise * np.float32(_gain(condition.noise_dbfs) / power)
    if condition.rate != SAMPLE_RATE:
        whole = resample(resample(whole, SAMPLE_RATE, condition.rate), condition.rate, SAMPLE_RATE)
    return whole


def heard(
    samples: Samples, process: Process | None, settings: Settings, encoder: Encoder
) -> tuple[str, bool]:
    """All words that are written, and whether anything passed for an utterance."""
    whole = to_int16(samples)
    if process is not None:
        blocks = range(0, len(whole) - BLOCK + 1, BLOCK)
        whole = np.concatenate([process(whole[at : at + BLOCK]) for at in blocks])
    frames = (
        AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), at / SAMPLE_RATE)
        for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    )
    listen = settings.listen
    found = list(segment(frames, voiced(listen.vad_mode), listen, source="levels"))
    texts = (encoder.encode(each).transcript.text for each in found)
    return said_words(" ".join(texts)), bool(found)


def raised() -> Process:
    """As ``listen.gain`` does it."""
    gain = AutomaticGain()
    return lambda block: to_int16(gain.push(to_float32(block)))


def webrtc(gain: int, suppression: int) -> Process:
    """As webrtc-noise-gain does it."""
    library: Any = import_module("webrtc_noise_gain")
    processor = library.AudioProcessor(gain, suppression)
    return lambda block: np.frombuffer(processor.Process10ms(block.tobytes()).audio, np.int16)


def settled(process: Process, noise_dbfs: float) -> Process:
    """Once it has heard noise for a while."""
    count = round(SETTLED_S * SAMPLE_RATE) // BLOCK
    noise = np.random.default_rng(0).standard_normal((count, BLOCK)) * _gain(noise_dbfs)
    for block in to_int16(noise.astype(np.float32)):
        process(block)
    return process


def _noise(kind: str, n_samples: int, others: list[Clip], rng: np.random.Generator) -> Samples:
    if kind == "voices":
        out = np.zeros(n_samples, np.float32)
        for _ in range(4):
            at = 0
            while at < n_samples:
                samples = read(others[int(rng.integers(len(others)))])[: n_samples - at]
                out[at : at + len(samples)] += samples
                at += len(samples)
        return out
    white = rng.standard_normal(n_samples)
    if kind == "white":
        return white.astype(np.float32)
    spectrum = np.fft.rfft(white)
    hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.maximum(hz, 100.0), n_samples).astype(np.float32)


def _gain(db: float) -> float:
    return 10 ** (db / 20)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--count", type=int, default=20, help="recordings of each collection")
    parser.add_argument("--webrtc", action="store_true", help="also with WebRTC's processing")
    arguments = parser.parse_args()
    settings = load({"encode.threads": 1}).settings
    encoder = open_encoder(settings.encode)
    ways: dict[str, Callable[[], Process] | None] = {"as it is": None, "listen.gain": raised}
    for name, numbers in WEBRTC.items() if arguments.webrtc else ():
        ways[name] = partial(webrtc, *numbers)
    clips = recordings(arguments.data, held_out_part=True)
    rng = random.Random(2)  # noqa: S311 - reproducible, not secret
    chosen = {
        name: rng.sample([c for c in clips if (c.speaker == "kathleen") == own], arguments.count)
        for name, own in (("kathleen", True), ("speechocean762", False))
    }
    print(f"{'':<28}{'':<16}" + "".join(f"{name:>13}" for name in ways))
    found: list[dict[str, object]] = []
    for condition in CONDITIONS:
        for collection, some in chosen.items():
            wrong, missed, total = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0), 0
            for seed, clip in enumerate(some):
                samples, wanted = under(condition, read(clip), clips, seed), said_words(clip.text)
                total += len(wanted.split())
                for name, make in ways.items():
                    process = make and settled(make(), condition.noise_dbfs)
                    text, is_heard = heard(samples, process, settings, encoder)
                    wrong[name] += word_errors(wanted, text)
                    missed[name] += not is_heard
            line = {name: round(100 * count / total, 1) for name, count in wrong.items()}
            print(
                f"{condition.name:<28}{collection:<16}"
                + "".join(f"{line[name]:>8.1f} ({missed[name]:>2})" for name in ways),
                flush=True,
            )
            found.append(
                {
                    "condition": condition.name,
                    "collection": collection,
                    "word_error": line,
                    "not_heard": missed,
                }
            )
    print(json.dumps({"bench": "levels", "count": arguments.count, "rows": found}))


if __name__ == "__main__":
    main()
