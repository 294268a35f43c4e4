"""Words that are invented where nobody speaks: music, babble, hum, water, coughs, breath, silence.

Half an hour of sound, seeded, goes through the daemon's own voice activity detector and endpointer
and what they take for utterances through the speech recogniser. Beside it stands what the same
check refuses of human speech: as it is, and under white noise. Babble is made of human recordings.

    python -m bench.invented --data PATH

Each kind of sound is one conversation with the daemon's dialogue policy, so that a question about
one invented sentence does not hide that the next would have been answered.

With ``--fit`` it prints the odds of ``assistant/encode/hallucination.py`` instead, from other noise
and recordings that may be trained on, as several encoders hear them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import to_int16
from assistant.config import EncodeSettings, Settings, load
from assistant.dialogue import Answer, AskBack, DialoguePolicy, Understood
from assistant.encode.encoder import Encoder, open_encoder
from assistant.encode.hallucination import Evidence, features, is_speech
from assistant.encode.whisper import WhisperEncoder
from assistant.listen.segment import segment, voiced
from assistant.reading import is_background
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, EndReason, Utterance
from bench.logistic import fit
from models.recipe.corpus import Clip, read, recordings

Samples = NDArray[np.float32]

LEVEL = 0.05
"""Root mean square of every noise but silence; speech of the recordings has about that."""

VOICES = 7
"""Recordings that sound at once in babble."""

APART_S = 10.0
"""Time between two utterances, for the dialogue policy."""

NOISE_WEIGHT = 6.0
"""How much an invented text counts in fitting, a spoken one counting 1."""

FIT_SEED = 5
"""Of noise to fit on; the default of ``--seed`` is another."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of sound."""

    kind: str
    seconds: float
    utterances: int  # what the endpointer let through
    words: int  # of those, with words in the recogniser's eyes
    let_through: int  # of those, taken for speech
    answered: int  # of those, put to the language model, and not asked back
    asked_back: int = 0

    def plus(self, other: Row) -> Row:
        """Both together."""
        return Row(
            self.kind,
            self.seconds + other.seconds,
            self.utterances + other.utterances,
            self.words + other.words,
            self.let_through + other.let_through,
            self.answered + other.answered,
            self.asked_back + other.asked_back,
        )


def noises(seconds: float, seed: int, clips: list[Clip]) -> Iterator[tuple[str, Samples]]:
    """Every kind of sound in which nobody speaks, so many seconds of each."""
    for kind in (*KINDS, *(("babble",) if clips else ())):
        yield kind, background(kind, round(seconds * SAMPLE_RATE), seed, clips)


def background(kind: str, n_samples: int, seed: int, clips: list[Clip]) -> Samples:
    """Sound of one kind, (n_samples,), at ``LEVEL``; babble is made of the recordings."""
    if kind == "babble":
        return _babble(random.Random(seed), n_samples, clips)  # noqa: S311 - reproducible
    made = KINDS[kind](np.random.default_rng(seed), n_samples)
    level = 1.0 if kind == "silence" else LEVEL / np.sqrt(np.mean(np.square(made)) + 1e-12)
    return (made * level).astype(np.float32).clip(-1, 1)


def heard(samples: Samples, settings: Settings) -> Iterator[Utterance]:
    """What the daemon takes for utterances."""
    whole = to_int16(samples)
    frames = (
        AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), at / SAMPLE_RATE)
        for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    )
    listen = settings.listen
    yield from segment(frames, voiced(listen.vad_mode), listen, source="noise")


def judged(
    kind: str, seconds: float, utterances: Iterator[Utterance], encoder: Encoder, settings: Settings
) -> Row:
    """What becomes of utterances."""
    row = Row(kind, seconds, 0, 0, 0, 0)
    policy = DialoguePolicy(settings.turn)
    for number, utterance in enumerate(utterances, 1):
        row = replace(row, utterances=row.utterances + 1)
        if isinstance(encoder, WhisperEncoder):
            _, transcript, evidence = encoder.hear(utterance)
            is_taken = is_speech(evidence)
        else:
            transcript = encoder.encode(utterance).transcript
            is_taken = bool(transcript.text)
        is_taken = is_taken and not is_background(utterance, transcript)
        words = transcript.text if is_taken else ""
        act = policy.judge(Understood(number, words, transcript.confidence), number * APART_S)
        policy.answered(number * APART_S)
        row = replace(
            row,
            words=row.words + bool(transcript.text),
            let_through=row.let_through + is_taken,
            answered=row.answered + isinstance(act, Answer),
            asked_back=row.asked_back + isinstance(act, AskBack),
        )
    return row


def spoken(clips: list[Clip], count: int, seed: int, db: float | None) -> Iterator[Utterance]:
    """Human recordings, under white noise so many dB below them."""
    rng = np.random.default_rng(seed)
    for clip in random.Random(seed).sample(clips, min(count, len(clips))):  # noqa: S311
        samples = read(clip)
        if db is not None:
            power = np.sqrt(np.mean(np.square(samples)))
            samples = samples + _noise(rng, len(samples)) * np.float32(power * 10 ** (-db / 20))
        voice = voiced(2)
        whole = to_int16(samples.astype(np.float32))
        frames = (
            AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), 0.0)
            for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
        )
        voiced_s = sum(map(voice, frames)) * FRAME_SAMPLES / SAMPLE_RATE
        now = datetime.now(timezone.utc)
        yield Utterance(samples.astype(np.float32), now, EndReason.STOP, voiced_s=voiced_s)


def _noise(rng: np.random.Generator, n_samples: int) -> Samples:
    return rng.standard_normal(n_samples, np.float32)


def _band(samples: Samples, low: float, high: float) -> Samples:
    """Only what lies between two frequencies in Hz."""
    spectrum = np.fft.rfft(samples)
    at = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(at < low) | (at > high)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _music(rng: np.random.Generator, n_samples: int) -> Samples:
    """Chords of plucked strings with a beat."""
    out = np.zeros(n_samples, np.float32)
    beat = SAMPLE_RATE // 2
    for start in range(0, n_samples - beat, beat):
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        length = min(int(rng.integers(1, 5)) * beat, n_samples - start)
        t = np.arange(length) / SAMPLE_RATE
        for interval in (0, rng.choice((3, 4)), 7, 12):
            for harmonic in range(1, 7):
                tone = np.sin(2 * np.pi * root * 2 ** (interval / 12) * harmonic * t)
                out[start : start + length] += (tone * np.exp(-3 * t) / harmonic).astype(np.float32)
        hit = np.exp(-np.arange(2_000) / 300) * rng.standard_normal(2_000)
        out[start : start + 2_000] += hit[: n_samples - start].astype(np.float32)
    return out


def _hum(rng: np.random.Generator, n_samples: int) -> Samples:
    """A refrigerator: mains and its harmonics, on for a while and off for a while."""
    t = np.arange(n_samples) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in range(1, 20))
    on = np.repeat(rng.random(n_samples // 80_000 + 1) > 0.3, 80_000)[:n_samples]
    return (tone * on + 0.05 * _noise(rng, n_samples)).astype(np.float32)


def _water(rng: np.random.Generator, n_samples: int) -> Samples:
    """A tap that runs, splashing."""
    splash = np.repeat(rng.random(n_samples // 1_600 + 1), 1_600)[:n_samples].astype(np.float32)
    return _band((_noise(rng, n_samples) * (0.4 + splash)).astype(np.float32), 300, 6_000)


def _coughs(rng: np.random.Generator, n_samples: int) -> Samples:
    """Two or three bursts every few seconds."""
    out = np.float32(0.01) * _noise(rng, n_samples)
    start = 0
    while start < n_samples - 48_000:
        start += int(rng.integers(24_000, 64_000))
        for _ in range(int(rng.integers(1, 4))):
            length = int(rng.integers(2_500, 7_000))
            if start >= n_samples:
                break
            end = min(start + length, n_samples)
            t = np.arange(length) / SAMPLE_RATE
            tone = np.sign(np.sin(2 * np.pi * rng.uniform(90, 220) * t))
            burst = (rng.standard_normal(length) + 0.5 * tone) * np.exp(-t * 14)
            out[start:end] += _band(burst.astype(np.float32), 200, 5_000)[: end - start]
            start = end + int(rng.integers(1_500, 5_000))
    return out


def _breath(rng: np.random.Generator, n_samples: int) -> Samples:
    """Somebody who breathes heavily, near the microphone."""
    t = np.arange(n_samples) / SAMPLE_RATE
    envelope = np.clip(np.sin(2 * np.pi * t / 3.5), 0, None) ** 2
    envelope += 0.6 * np.clip(-np.sin(2 * np.pi * t / 3.5 + 0.4), 0, None) ** 2
    return _band(_noise(rng, n_samples), 250, 3_500) * envelope.astype(np.float32)


def _babble(rng: random.Random, n_samples: int, clips: list[Clip]) -> Samples:
    """Many people at once, as from a television in another room."""
    out = np.zeros(n_samples, np.float32)
    for _ in range(VOICES):
        at = -rng.randrange(SAMPLE_RATE)
        while at < n_samples:
            samples = read(rng.choice(clips))
            first = max(0, -at)
            piece = samples[first : first + n_samples - max(at, 0)]
            out[max(at, 0) : max(at, 0) + len(piece)] += piece
            at += len(samples)
    return (out * (LEVEL / np.sqrt(np.mean(np.square(out)) + 1e-12))).astype(np.float32)


KINDS: dict[str, Callable[[np.random.Generator, int], Samples]] = {
    "music": _music,
    "hum": _hum,
    "water": _water,
    "coughs": _coughs,
    "breath": _breath,
    "silence": lambda rng, n: _noise(rng, n) * np.float32(2e-3),
}
"""What makes each kind of sound but babble, so many samples of it."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--encoder", type=Path, help="by default the one of the settings")
    parser.add_argument("--minutes", type=float, default=30.0, help="of noise, all kinds together")
    parser.add_argument("--speech", type=int, default=100, help="human recordings of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fit", type=Path, nargs="+", metavar="PATH", help="print the odds")
    arguments = parser.parse_args()
    settings = load({"encode.path": arguments.encoder}).settings
    if arguments.fit is not None:
        family = [open_encoder(EncodeSettings.model_validate({"path": p})) for p in arguments.fit]
        listening = [each for each in family if isinstance(each, WhisperEncoder)]
        print(json.dumps(fitted(listening, arguments.data, arguments.speech, settings)))
        return
    encoder = open_encoder(settings.encode)
    clips = recordings(arguments.data, held_out_part=True) if arguments.data is not None else []
    kinds = 6 + bool(clips)
    rows: list[Row] = []
    print(
        f"{'':<16}{'seconds':>9}{'utterances':>12}{'words':>7}{'let through':>13}{'answered':>10}"
    )
    for kind, samples in noises(arguments.minutes * 60 / kinds, arguments.seed, clips):
        seconds = len(samples) / SAMPLE_RATE
        rows.append(judged(kind, seconds, heard(samples, settings), encoder, settings))
        _show(rows[-1])
    for name, db in (("speech", None), ("speech, 10 dB", 10.0), ("speech, 0 dB", 0.0)):
        if clips:
            utterances = spoken(clips, arguments.speech, arguments.seed, db)
            rows.append(judged(name, 0.0, utterances, encoder, settings))
            _show(rows[-1])
    print(json.dumps([vars_of(row) for row in rows]))


def fitted(
    encoders: Sequence[WhisperEncoder], data: Path, count: int, settings: Settings
) -> dict[str, float]:
    """The odds that words were said, by logistic regression; every encoder counts the same.

    Args:
        encoders: whose evidence is weighed.
        data: folder of public recordings.
        count: recordings as they are, and an eighth each under two levels of noise; there are two
            minutes of each kind of noise beside.
        settings: of the voice activity detector and the endpointer.
    """
    clips = recordings(data, held_out_part=False)
    given: list[tuple[float, ...]] = []
    said: list[float] = []

    def add(utterances: Iterator[Utterance], encoder: WhisperEncoder, *, is_said: bool) -> None:
        for utterance in utterances:
            evidence: Evidence = encoder.hear(utterance)[2]
            if evidence.n_words:
                given.append((1.0, *features(evidence)))
                said.append(float(is_said))

    for encoder in encoders:
        for _, samples in noises(120.0, FIT_SEED, clips):
            add(heard(samples, settings), encoder, is_said=False)
        for db, of in ((None, 1), (5.0, 8), (-3.0, 8)):
            add(spoken(clips, count // of, FIT_SEED, db), encoder, is_said=True)
    right = np.array(said)
    # to answer what nobody said is worse than to ask again
    found = fit(np.array(given), right, np.where(right > 0, 1.0, NOISE_WEIGHT))
    names = ("bias", "log_prob", "no_speech", "pace")
    return {name: round(float(each), 2) for name, each in zip(names, found, strict=True)} | {
        "said": int(right.sum()),
        "invented": int((1 - right).sum()),
    }


def vars_of(row: Row) -> dict[str, object]:
    """A row as JSON values."""
    return {name: getattr(row, name) for name in Row.__slots__}


def _show(row: Row) -> None:
    print(
        f"{row.kind:<16}{row.seconds:>9.0f}{row.utterances:>12}{row.words:>7}"
        f"{row.let_through:>13}{row.answered:>10}",
        flush=True,
    )


if __name__ == "__main__":
    main()
