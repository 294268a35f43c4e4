"""How often people are cut off in a pause, and how long they wait for their end to be seen.

Simulated users speak held-out requests with pauses of their own kind between the words (0.3 to
2.5 s), in a little noise. A fixed limit of 700 ms, one of 1,250 ms, the learned one, and the
learned one that does not ask whether the words are a finished request, listen to the same sound
through the real detector and endpointer. A cut-off is an end within a pause; the wait is the time
from the last sound to the end. Learning goes on all the time; the first utterances of each user
are not counted. The voices are espeak-ng's, which no training has heard, and with ``--data`` human
recordings of held-out speakers; all are cut where the starter's encoder hears words end.

``--first 0 --requests 20`` shows how the first day goes.

    .venv/bin/python -m bench.endpointing [--data PATH] [--requests 150] [--first 50]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.audio.resample import to_float32, to_int16
from assistant.config import ListenSettings, load, starter_dir
from assistant.encode.end_of_request import EndOfRequest, load_ends
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.listen.pauses import FINISHED, Pauses
from assistant.listen.segment import WENT_ON_MS, segment, voiced
from assistant.nets.ends import Ends
from assistant.spoken import spoken_form
from assistant.values import (
    FRAME_MS,
    FRAME_SAMPLES,
    SAMPLE_RATE,
    AudioFrame,
    EndReason,
    Utterance,
)
from bench.speakers import LETTERS
from models.recipe.corpus import held_out_requests, read, recordings
from models.recipe.synthesis import Synthesiser, held_out_voice

WAYS: dict[str, tuple[dict[str, int], bool]] = {
    "fixed 700 ms": ({"silence_ms": 700}, False),
    "fixed 1250 ms": ({"silence_ms": 1_250}, False),
    "learned": ({}, True),
    "learned, not asking": ({}, False),
}
"""Settings of the endpointer, and whether it asks for a finished request."""

SHORTEST_S, LONGEST_S = 0.3, 2.5
AFTER_S = 4.0
"""Silence after an utterance, in which a real assistant would answer."""

NOISE = 0.001
"""Standard deviation of the noise, against a full scale of 1."""

LOUD = 0.02
"""What is softer than this at the ends of a word is not heard as its end."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How somebody pauses."""

    name: str
    often: float  # share of the gaps between words
    median_s: float
    spread: float  # standard deviation of the logarithm

    def draw(self, rng: random.Random) -> float | None:
        """A pause in seconds, or none, for the next gap between words."""
        if rng.random() >= self.often:
            return None
        while True:
            length_s = self.median_s * float(np.exp(rng.gauss(0, self.spread)))
            if SHORTEST_S <= length_s <= LONGEST_S:
                return length_s


HABITS = (
    Habit("quick", 0.06, 0.45, 0.35),
    Habit("ordinary", 0.12, 0.65, 0.45),
    Habit("hesitant", 0.22, 0.90, 0.50),
    Habit("aphasic-slow", 0.35, 1.30, 0.45),
)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What the microphone hears of one user."""

    name: str
    samples: NDArray[np.int16]  # mono 16 kHz
    spoken: tuple[tuple[int, int], ...]  # first and last sample of each utterance
    pauses: tuple[int, ...]  # how many within each utterance
    words: tuple[tuple[int, ...], ...]  # one past the last sample of each word of each utterance

    def frames(self) -> Iterator[AudioFrame]:
        """As a microphone gives it."""
        for number in range(len(self.samples) // FRAME_SAMPLES):
            at = number * FRAME_SAMPLES
            yield AudioFrame(self.samples[at : at + FRAME_SAMPLES], number * FRAME_MS / 1000)


@dataclass(frozen=True, slots=True)
class Heard:
    """How one utterance fared."""

    cut_offs: int
    wait_ms: float | None  # none: its end was missed


def stream(
    name: str, habit: Habit, utterances: list[list[NDArray[np.float32]]], seed: int
) -> Stream:
    """Utterances, each as its words, spoken with somebody's pauses."""
    rng = random.Random(seed)  # noqa: S311 - to be repeated
    parts = [np.zeros(SAMPLE_RATE, np.float32)]
    length = SAMPLE_RATE
    spoken: list[tuple[int, int]] = []
    pauses: list[int] = []
    ends: list[tuple[int, ...]] = []
    for words in utterances:
        own: list[int] = []
        begin = end = length
        pauses.append(0)
        for number, word in enumerate(words):
            length_s = habit.draw(rng) if number else None
            if length_s is not None:
                # the silence that is already there at the seam is part of the pause
                seam = _quiet(parts[-1][::-1]) + _quiet(word)
                parts.append(np.zeros(max(0, round(length_s * SAMPLE_RATE) - seam), np.float32))
                length += len(parts[-1])
                pauses[-1] += 1
            parts.append(word)
            end = length + len(word) - _quiet(word[::-1])
            length += len(word)
            own.append(length)
        ends.append(tuple(own))
        spoken.append((begin, end))
        parts.append(np.zeros(round(AFTER_S * SAMPLE_RATE), np.float32))
        length += len(parts[-1])
    clean = np.concatenate(parts)
    noise = np.random.default_rng(seed).standard_normal(len(clean)) * NOISE
    samples = to_int16((clean + noise).astype(np.float32))
    return Stream(name, samples, tuple(spoken), tuple(pauses), tuple(ends))


def _quiet(samples: NDArray[np.float32]) -> int:
    """How many samples at the beginning are not heard."""
    loud = np.flatnonzero(np.abs(samples) > LOUD)
    return int(loud[0]) if len(loud) else len(samples)


Complete = Callable[[NDArray[np.float32], int], float | None]
"""What ``segment`` asks, told the number of frames heard as well."""


def listen(
    said: Stream, settings: ListenSettings, voice: NDArray[np.bool_], complete: Complete | None
) -> list[Heard]:
    """How every utterance fared.

    Args:
        said: what is heard.
        settings: of the endpointer.
        voice: the detector's verdict on each frame, shape (n_frames,).
        complete: asked in pauses.
    """
    pauses = Pauses(settings)
    now = 0

    def frames() -> Iterator[AudioFrame]:
        nonlocal now
        for number, frame in enumerate(said.frames()):
            now = number
            yield frame

    def on_start(gap_ms: float | None) -> None:
        if gap_ms is not None and gap_ms <= WENT_ON_MS:
            pauses.false_cut(gap_ms)

    utterances = segment(
        frames(),
        lambda _: bool(voice[now]),
        settings,
        pauses=pauses,
        complete=None if complete is None else lambda samples, _: complete(samples, now + 1),
        on_start=on_start,
    )
    cuts = [now for each in utterances if each.end_reason is EndReason.SILENCE]
    ends = (np.array(cuts) + 1) * FRAME_SAMPLES  # samples heard when each utterance was ended
    fates: list[Heard] = []
    for (begin, end), after in zip(
        said.spoken, [*(first for first, _ in said.spoken[1:]), len(said.samples)], strict=True
    ):
        too_soon = int(((ends > begin) & (ends <= end)).sum())
        right = ends[(ends > end) & (ends <= after)]
        wait_ms = float(right[-1] - end) / SAMPLE_RATE * 1000 if len(right) else None
        fates.append(Heard(too_soon, wait_ms))
    return fates


def detected(said: Stream) -> NDArray[np.bool_]:
    """The detector's verdict on each frame, which no way of waiting changes."""
    is_speech = voiced(ListenSettings.model_validate({}).vad_mode)
    return np.array([is_speech(frame) for frame in said.frames()])


def remembered(finished: EndOfRequest) -> Complete:
    """Answers at once what was asked before."""
    known: dict[bytes, float | None] = {}

    def answer(samples: NDArray[np.float32], _: int) -> float | None:
        key = samples.tobytes()
        if key not in known:
            known[key] = finished(samples)
        return known[key]

    return answer


def words_of(encoder: Wav2Vec2Encoder, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A recording cut at the quietest moment between each two words that are heard in it."""
    loud = samples * np.float32(0.5 / max(float(np.abs(samples).max()), 1e-3))
    whole = Utterance(loud, datetime.now(timezone.utc), EndReason.STOP)
    words = encoder.encode(whole).transcript.words
    window = np.ones(320) / 320
    seams: list[int] = []
    for before, after in pairwise(words):
        first = round((before.end_s - 0.04) * SAMPLE_RATE)
        last = max(round((after.start_s + 0.02) * SAMPLE_RATE), first + 640)
        power = np.convolve(loud[first:last] ** 2, window, mode="valid")
        if len(power):
            seams.append(first + int(power.argmin()) + 160)
    return [part for part in np.split(loud, sorted(set(seams))) if len(part)]


def synthetic_users(encoder: Wav2Vec2Encoder, count: int, seed: int) -> list[Stream]:
    """One simulated user of each habit, each with a voice of espeak-ng that no training heard."""
    synthesiser = Synthesiser()
    users: list[Stream] = []
    for number, habit in enumerate(HABITS, seed):
        voice = held_out_voice(random.Random(number))  # noqa: S311 - to be repeated
        spoken = [
            words_of(encoder, to_float32(synthesiser.speak(text, voice).samples))
            for text in held_out_requests(number, count)
        ]
        users.append(stream(f"espeak-ng, {habit.name}", habit, spoken, number))
    return users


def human_users(encoder: Wav2Vec2Encoder, count: int, seed: int, data: Path) -> list[Stream]:
    """One user of each habit, made of sentences that people read aloud and no training heard."""
    clips = {clip.text: clip for clip in recordings(data, held_out_part=True)}
    drawn = list(clips.values())
    random.Random(seed).shuffle(drawn)  # noqa: S311 - to be repeated
    users: list[Stream] = []
    for number, habit in enumerate(HABITS):
        own = drawn[number * count : (number + 1) * count]
        spoken = [words_of(encoder, read(clip)) for clip in own]
        users.append(stream(f"human, {habit.name}", habit, spoken, seed + number))
    return users


def figures(fates: list[Heard], pauses: int) -> dict[str, float]:
    """Cut-offs, and the waits in ms."""
    waits = [fate.wait_ms for fate in fates if fate.wait_ms is not None]
    return {
        "utterances": len(fates),
        "pauses": pauses,
        "cut_offs": sum(fate.cut_offs for fate in fates),
        "cut_utterances_percent": round(100 * float(np.mean([f.cut_offs > 0 for f in fates])), 1),
        "median_wait_ms": round(statistics.median(waits)),
        "p90_wait_ms": round(float(np.quantile(waits, 0.9))),
        "missed": len(fates) - len(waits),
    }


def compare(
    users: list[Stream], finished: EndOfRequest, first: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by way of waiting, of each user and of all together.

    Args:
        users: who speaks.
        finished: asked in pauses.
        first: utterances of each user that are listened to but not counted.
    """
    voices = [detected(user) for user in users]
    asked = [remembered(finished) for _ in users]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for way, (changed, asks) in WAYS.items():
        settings = ListenSettings.model_validate(changed)
        fates = [
            listen(user, settings, voice, ask if asks else None)[first:]
            for user, voice, ask in zip(users, voices, asked, strict=True)
        ]
        pauses = [sum(user.pauses[first:]) for user in users]
        found[way] = {
            user.name: figures(own, count)
            for user, own, count in zip(users, fates, pauses, strict=True)
        }
        found[way]["all"] = figures([fate for each in fates for fate in each], sum(pauses))
    return found


def clue(data: Path, ends: Ends) -> tuple[list[float], list[float]]:
    """How often each kind of guess comes within sentences, and how often at their ends."""
    within, at_end = np.zeros(len(FINISHED) + 1), np.zeros(len(FINISHED) + 1)
    with (data / "speech/speechocean762-train/utterances.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            words = spoken_form(row["text"]).split()
            for count in range(1, len(words) + 1):
                guess = ends.after(" ".join(words[:count]))
                kind = sum(guess >= edge for edge in FINISHED)
                (at_end if count == len(words) else within)[kind] += 1
    return (within / within.sum()).round(2).tolist(), (at_end / at_end.sum()).round(2).tolist()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--requests", type=int, default=150, help="utterances of each user")
    parser.add_argument("--first", type=int, default=50, help="of them not counted: the first")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clue", action="store_true", help="only what the words are worth")
    arguments = parser.parse_args()
    settings = load({"encode.path": LETTERS}).settings.encode
    encoder = Wav2Vec2Encoder(settings)
    ends = load_ends(starter_dir())
    if ends is None:
        parser.error(f"{settings.path} has no table of request ends")
    if arguments.clue:
        if arguments.data is None:
            parser.error("--clue needs --data")
        print("before pauses {}, before ends {}".format(*clue(arguments.data, ends)))
        return
    users = synthetic_users(encoder, arguments.requests, arguments.seed)
    if arguments.data is not None:
        users += human_users(encoder, arguments.requests, arguments.seed, arguments.data)
    found = compare(users, EndOfRequest(encoder, ends), arguments.first)
    print(f"{'':<24}{'':<22}{'cut-offs':>9}{'cut %':>7}{'wait':>7}{'p90':>7} ms")
    for who in (*(user.name for user in users), "all"):
        for way, by_user in found.items():
            row = by_user[who]
            print(
                f"{who:<24}{way:<22}{row['cut_offs']:>9}{row['cut_utterances_percent']:>7}"
                f"{row['median_wait_ms']:>7}{row['p90_wait_ms']:>7}"
            )
    told = {"bench": "endpointing", "seed": arguments.seed, "first": arguments.first}
    print(json.dumps(told | found))


if __name__ == "__main__":
    main()
