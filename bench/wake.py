"""Wake words: false alarms where nobody calls, calls that are missed, and what the ear costs.

Babble, music and human recordings, one reader after the other, go through each detector: those of
pymicro-wakeword, and words of one's own in several voices, each known from three examples. Then
ten voices call, alone and with a request in the same breath, faster and slower, softer and louder,
in a room with a little noise; so do voices that ``bench.impair`` has made atypical, which also made
the examples of their own word. Last, the same talk is heard by the endpointer, the estimate of the
request's end and the speech encoder as the daemon has them, with a wake word and without.

    python -m bench.wake --data PATH [--hours 8] [--calls 200] [--parts FILE]

With ``--parts FILE`` it goes on where it was broken off. ``--fit`` prints the constants of
``assistant/listen/own_word.py`` that describe loud frames, from recordings that may be trained on.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.audio.mel import WINDOW, Mel
from assistant.audio.resample import resample
from assistant.config import Settings, load
from assistant.encode.encoder import Encoder, open_encoder
from assistant.encode.end_of_request import EndOfRequest, load_ends
from assistant.listen.own_word import OwnWord, cosines
from assistant.listen.segment import segment, voiced
from assistant.listen.wake_word import AGAIN_S, Detector, MicroWakeWord, WakeWord
from assistant.values import FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, SpeechFeatures, Utterance
from bench.homes import ROOM, behind, framed
from bench.impair import SEVERITIES, Severity, impair
from bench.invented import Samples
from bench.mouths import VOICES, Mouths
from models.recipe.corpus import Clip, read, recordings

WORDS = ("alexa", "hey jarvis", "hey mycroft", "okay nabu")
OWN = "own"
OWN_TEXTS = ("hello attune", "ah ah", "banana")
"""What is said as a word of one's own, by one voice after the other."""

REQUESTS = ("", " what time is it?", ", set a timer for ten minutes.")
KINDS = {"babble": "babble", "music": "music", "recordings": "television"}
"""What is heard without a call, and what ``bench.homes`` calls it."""

OWN_VOICES = 4
"""Voices whose own words listen to the hours; alarms are given for one of them."""

PART_S = 300.0
CPU_S = 120.0
SPEED = (0.94, 1.06)
GAIN = (0.2, 1.0)


@dataclass(slots=True)
class Parts:
    """What has been measured, by name; written down at once."""

    path: Path | None
    known: dict[str, float]

    @classmethod
    def of(cls, path: Path | None) -> Parts:
        """Those of a file, if there is one."""
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        return cls(path, dict(map(json.loads, lines)))

    def get(self, name: str, measure: Callable[[], float]) -> float:
        """The value of this name, measured if it is not known."""
        if name not in self.known:
            self.known[name] = measure()
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([name, self.known[name]]) + "\n")
        return self.known[name]


def alarms(detector: Detector, frames: list[AudioFrame]) -> float:
    """How often the detector calls, as ``WakeWord`` counts."""
    found, again_from = 0, 0.0
    for frame in frames:
        if detector.heard(frame) and frame.captured_at >= again_from:
            found, again_from = found + 1, frame.captured_at + AGAIN_S
    return found


def said(samples: Samples, rng: random.Random) -> Samples:
    """Somebody says it once more: faster or slower, softer or louder, in a room."""
    speed = rng.uniform(*SPEED)
    again = resample(samples, round(SAMPLE_RATE * speed), SAMPLE_RATE) * rng.uniform(*GAIN)
    noise = np.random.default_rng(rng.randrange(1 << 30))
    whole = np.pad(again, SAMPLE_RATE)
    return (whole + noise.standard_normal(len(whole)) * ROOM).astype(np.float32)


def own_word(mouths: Mouths, voice: int, how: Severity | None, seed: int) -> OwnWord:
    """A word of this voice's own, from three examples."""
    rng = random.Random(f"examples {voice} {how} {seed}")  # noqa: S311 - reproducible
    text = OWN_TEXTS[voice % len(OWN_TEXTS)]
    spoken = (spoke(mouths, text, voice, how, seed + number) for number in range(3))
    return OwnWord([said(each, rng) for each in spoken])


def spoke(mouths: Mouths, text: str, voice: int, how: Severity | None, seed: int) -> Samples:
    """What a voice says, made atypical or not."""
    samples = mouths.say(text, voice)
    return samples if how is None else impair(samples, how, seed).astype(np.float32)


def calls(
    mouths: Mouths, word: str, voice: int, how: Severity | None, count: int, seed: int
) -> float:
    """How many of the calls of one voice are missed."""
    rng = random.Random(f"calls {word} {voice} {how} {seed}")  # noqa: S311 - reproducible
    own = own_word(mouths, voice, how, seed) if word == OWN else None
    name = OWN_TEXTS[voice % len(OWN_TEXTS)] if word == OWN else word
    missed = 0
    for number in range(count):
        detector = own or MicroWakeWord(word)
        request = REQUESTS[number % len(REQUESTS)]
        sound = said(spoke(mouths, name + request, voice, how, seed + 100 + number), rng)
        missed += alarms(detector, framed(sound)) == 0
    return missed


def listener(mouths: Mouths, name: str, seed: int) -> Detector:
    """A word's detector; "own 2" is that of the third voice."""
    if name.startswith(OWN):
        return own_word(mouths, int(name.split()[1]), None, seed)
    return MicroWakeWord(name)


def unasked(
    mouths: Mouths, clips: list[Clip], hours: float, seed: int, parts: Parts
) -> dict[str, dict[str, float]]:
    """False alarms an hour of each detector, by what is heard."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    n_parts = max(1, round(hours * 3600 / PART_S / len(KINDS)))
    listening = [*WORDS, *(f"{OWN} {voice}" for voice in range(OWN_VOICES))]
    for kind, sound in KINDS.items():
        total: dict[str, float] = defaultdict(float)
        for part in range(n_parts):
            keys = {name: f"alarms {kind} {seed + part} {name}" for name in listening}
            frames: list[AudioFrame] = []
            if not parts.known.keys() >= set(keys.values()):
                length = round(PART_S * SAMPLE_RATE)
                frames = framed(behind(sound, length, seed + part, clips))
            for name, key in keys.items():
                is_own = name.startswith(OWN)
                counted = parts.get(
                    key,
                    lambda name=name, frames=frames: alarms(listener(mouths, name, seed), frames),
                )
                total[OWN if is_own else name] += counted / (OWN_VOICES if is_own else 1)
        for name, alarmed in total.items():
            found[name][kind] = round(alarmed * 3600 / (n_parts * PART_S), 2)
    return found


class Counted:
    """The speech encoder, counting what it is given."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.seconds = encoder, 0.0

    def encode(self, utterance: Utterance) -> SpeechFeatures:
        """As the encoder."""
        self.seconds += utterance.seconds
        return self._encoder.encode(utterance)


def shares(settings: Settings, frames: list[AudioFrame], detector: Detector | None) -> float:
    """Processor time, in per cent of one core, to listen to talk that is not meant for it."""
    encoder = Counted(open_encoder(settings.encode))
    ends = EndOfRequest(encoder, load_ends(settings.encode.path))
    wake = detector and WakeWord(detector, settings.turn.follow_up_s, lambda: float("-inf"))
    began = time.process_time()
    for utterance in segment(
        frames,
        voiced(settings.listen.vad_mode),
        settings.listen,
        woken=None
        if not isinstance(wake, WakeWord)
        else lambda frame, active: wake.step(frame, under_way=active),
        complete=ends,
        words=ends.words,
    ):
        if ends.features(utterance) is None:
            encoder.encode(utterance)
    return 100 * (time.process_time() - began) / (len(frames) * FRAME_SAMPLES / SAMPLE_RATE)


def costs(mouths: Mouths, clips: list[Clip], seed: int, parts: Parts) -> dict[str, float]:
    """Processor time without a wake word and with each, while a television talks."""
    settings = load({}).settings
    frames = framed(behind("television", round(CPU_S * SAMPLE_RATE), seed, clips))
    ways: dict[str, Callable[[], Detector | None]] = {
        "without": lambda: None,
        "okay nabu": lambda: MicroWakeWord("okay nabu"),
        OWN: lambda: own_word(mouths, 0, None, seed),
    }
    return {
        way: round(parts.get(f"cpu {way}", lambda make=make: shares(settings, frames, make())), 2)
        for way, make in ways.items()
    }


def loud_frames(clips: list[Clip], seed: int) -> Iterator[str]:
    """The constants of ``own_word``: of each cepstrum, and of its slope over five frames."""
    cepstra: list[np.ndarray] = []
    slopes: list[np.ndarray] = []
    mel = Mel(cosines().shape[1])
    for clip in random.Random(seed).sample(clips, 60):  # noqa: S311 - reproducible
        sound = np.pad(read(clip), (WINDOW - FRAME_SAMPLES, 0))
        starts = range(0, len(sound) - WINDOW + 1, FRAME_SAMPLES)
        power = np.stack([mel.column(sound[at : at + WINDOW]) for at in starts])
        found = np.log(np.maximum(power, 1e-7)) @ cosines().T
        padded = np.pad(found, ((2, 2), (0, 0)), mode="edge")
        slope = (2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 10
        is_loud = found[:, 0] > np.quantile(found[:, 0], 0.4)
        cepstra.append(found[is_loud])
        slopes.append(slope[is_loud])
    every = np.concatenate(cepstra)
    for values in (every.mean(axis=0), every.std(axis=0), np.concatenate(slopes).std(axis=0)):
        yield ", ".join(f"{value:.3g}" for value in values)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument(
        "--hours", type=float, default=8.0, help="without a call, for each detector"
    )
    parser.add_argument("--calls", type=int, default=200, help="of ten voices, for each detector")
    parser.add_argument("--piper", type=Path, help="folder of a Piper voice, one of the ten")
    parser.add_argument("--parts", type=Path, help="file of what was measured already")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fit", action="store_true", help="print constants instead")
    arguments = parser.parse_args()
    if arguments.fit:
        print(*loud_frames(recordings(arguments.data, held_out_part=False), 3), sep="\n")
        return
    clips = recordings(arguments.data, held_out_part=True)
    mouths, parts, seed = Mouths(arguments.piper), Parts.of(arguments.parts), arguments.seed
    each = -(-arguments.calls // VOICES)
    severities: list[Severity | None] = [None, *SEVERITIES]
    told: dict[str, object] = {"bench": "wake", "seed": seed, "hours": arguments.hours}
    print(f"{'missed, %':<14}" + "".join(f"{how or 'typical':>10}" for how in severities))
    missed: dict[str, dict[str, float]] = {}
    for word in (*WORDS, OWN):
        row: dict[str, float] = {}
        for how in severities:
            voices = range(VOICES) if how is None else range(1)
            count = each if how is None else 2 * each
            lost = sum(
                parts.get(
                    f"calls {word} {voice} {how} {count} {seed}",
                    lambda word=word, voice=voice, how=how, count=count: calls(
                        mouths, word, voice, how, count, seed
                    ),
                )
                for voice in voices
            )
            row[how or "typical"] = round(100 * lost / (count * len(voices)), 1)
        missed[word] = row
        print(f"{word:<14}" + "".join(f"{value:>10}" for value in row.values()), flush=True)
    told |= {"calls": each * VOICES, "missed_percent": missed}
    alarmed = unasked(mouths, clips, arguments.hours, seed, parts)
    print(f"\n{'alarms an hour':<14}" + "".join(f"{kind:>12}" for kind in KINDS))
    for word, row in alarmed.items():
        print(f"{word:<14}" + "".join(f"{value:>12}" for value in row.values()))
    shared = costs(mouths, clips, seed, parts)
    print("\nof one core, %: " + ", ".join(f"{way} {share}" for way, share in shared.items()))
    print(json.dumps(told | {"alarms_an_hour": alarmed, "cpu_percent": shared}))


if __name__ == "__main__":
    main()
