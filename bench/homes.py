"""Questions in homes: a television, babble, music and appliances behind the person who speaks.

Two hundred questions, read by people whom no training has heard, are asked over backgrounds of
several kinds and levels. The endpointer listens to the same sound with ``listen/foreground.py`` and
without, with the silence that ends a new user's turn. The wait is the time from the last word to
the end of the turn. A question is cut off if a turn ends within it, and it ends at the limit if no
silence does it. Each of them is heard as one turn in a quiet room by the endpointer that knows no
levels; so what is cut off here is so by the background. Then people read aloud in a quiet room, in
which the levels must not end a turn more. Then hours of background without a question go through
the recogniser and the dialogue policy, as in ``bench.invented``: what is answered there is false.
With ``--parts FILE`` that goes on where it was broken off.

    python -m bench.homes --data PATH [--questions 200] [--readers 4] [--hours 8] [--parts FILE]

A television is one voice at a time with short pauses, made of human recordings, as babble is.
Without a question it is a person who speaks alone, so its answers are shown, but not counted.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.audio.resample import to_int16
from assistant.config import ListenSettings, Settings, load
from assistant.encode.encoder import open_encoder
from assistant.listen.segment import segment, voiced
from assistant.values import FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE, AudioFrame, EndReason
from bench.invented import LEVEL, Row, Samples, background, heard, judged, vars_of
from models.recipe.corpus import Clip, read, recordings

KINDS = ("television", "babble", "music", "water", "vacuum cleaner")
BELOW_DB = (30, 20, 10, 5)
"""How far the background is below the speaker; a row beside shows one that is louder."""

LOUDER_DB = -3
"""The person is the quieter one."""

WAYS = {"levels": True, "no levels": False}
"""Whether the endpointer has ``assistant.listen.foreground``."""

BEFORE_S = 10.0
"""Background before the first question."""

AFTER_S = (8.0, 26.0)
"""Background between two questions."""

ROOM = 0.0006
"""Standard deviation of the noise of a quiet room."""

NEAR = 10
"""Frames by which the beginning and the end of a word are uncertain."""

READING_S = 400.0
"""How long each reader reads."""

BREATH_S = 0.45
"""The longest pause that they make."""

VARIED_DB = 3.0
"""Standard deviation of the loudness from sentence to sentence of those who vary it."""

ROOMS = (ROOM, ROOM * 4)
"""The noise of the rooms in which people read."""

HOUR_KINDS = ("babble", "music", "hum", "water", "coughs", "breath", "silence", "vacuum cleaner")
ALONE = "television"
"""Heard for as long as each of these, and not counted."""

PART_S = 600.0
"""Of background without questions, heard at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Questions over one background."""

    kind: str
    below_db: int
    frames: list[AudioFrame]
    spoken: list[tuple[int, int]]  # first and last frame of each question


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a question."""

    wait_s: float | None  # none: it never ended
    at_limit: bool
    cut_off: bool
    lead_s: float  # of background before it in the turn


def active(samples: Samples) -> float:
    """Root mean square of what is not silence."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(np.square(frames), axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-3].mean()))


def said(clip: Clip) -> Samples:
    """A recording at ``LEVEL``, without the silence around it."""
    samples = read(clip)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    return (samples * (LEVEL / active(samples))).astype(np.float32)


def television(seed: int, n_samples: int, clips: list[Clip]) -> Samples:
    """One voice after the other."""
    rng = random.Random(seed)  # noqa: S311 - reproducible
    out, at = np.zeros(n_samples, np.float32), 0
    while at < n_samples:
        samples = said(rng.choice(clips))[: n_samples - at]
        out[at : at + len(samples)] = samples
        at += len(samples) + round(rng.uniform(0.05, 0.9) * SAMPLE_RATE)
    return out


def vacuum_cleaner(seed: int, n_samples: int) -> Samples:
    """A motor's tone in a rush of air."""
    t = np.arange(n_samples) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in range(1, 9))
    return (np.random.default_rng(seed).standard_normal(n_samples) + tone).astype(np.float32)


def behind(kind: str, n_samples: int, seed: int, clips: list[Clip]) -> Samples:
    """A background at ``LEVEL``, (n_samples,)."""
    if kind == "television":
        made = television(seed, n_samples, clips)
    elif kind == "vacuum cleaner":
        made = vacuum_cleaner(seed, n_samples)
    else:
        made = background(kind, n_samples, seed, clips)
    return made if kind == "silence" else made * np.float32(LEVEL / active(made))


def framed(samples: Samples) -> list[AudioFrame]:
    """Sound as a microphone gives it."""
    whole = to_int16(samples.astype(np.float32).clip(-1, 1))
    return [
        AudioFrame(whole[at : at + FRAME_SAMPLES].copy(), at / SAMPLE_RATE)
        for at in range(0, len(whole) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    ]


def questions(clips: list[Clip], settings: ListenSettings, seed: int) -> Iterator[Samples]:
    """Endless questions that are one turn in a quiet room; a third has a pause between two parts.

    A fifth gets softer by 5 dB from its beginning to its end.
    """
    rng = random.Random(seed)  # noqa: S311 - reproducible
    noise = np.random.default_rng(seed)
    blind = settings.model_copy(update={"tuned": replace(settings.tuned, foreground=False)})
    while True:
        first, style = rng.choice(clips), rng.random()
        whole = said(first)
        if style < 0.33:
            second = said(rng.choice([each for each in clips if each.speaker == first.speaker]))
            whole = np.concatenate([whole, np.zeros(SAMPLE_RATE * 2 // 5, np.float32), second])
        elif style > 0.8:
            whole = whole * (10 ** (-np.linspace(0, 5, len(whole)) / 20)).astype(np.float32)
            whole = whole * np.float32(LEVEL / active(whole))
        room = noise.standard_normal(len(whole) + 4 * SAMPLE_RATE) * ROOM
        room[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + len(whole)] += whole
        turns = segment(framed(room.astype(np.float32)), voiced(settings.vad_mode), blind)
        if len([turn for turn in turns if turn.end_reason is EndReason.SILENCE]) == 1:
            yield whole


def scene(kind: str, below_db: int, asked: list[Samples], clips: list[Clip], seed: int) -> Scene:
    """Questions one after the other, over a background."""
    rng = random.Random(seed)  # noqa: S311 - reproducible
    parts = [np.zeros(round(BEFORE_S * SAMPLE_RATE), np.float32)]
    length = len(parts[0])
    spoken: list[tuple[int, int]] = []
    for samples in asked:
        last = length + len(samples)
        spoken.append((length // FRAME_SAMPLES, last // FRAME_SAMPLES))
        parts += [samples, np.zeros(round(rng.uniform(*AFTER_S) * SAMPLE_RATE), np.float32)]
        length += len(parts[-2]) + len(parts[-1])
    noise = np.random.default_rng(seed).standard_normal(length) * ROOM
    quiet = behind(kind, length, seed, clips) * 10 ** (-below_db / 20)
    return Scene(
        kind, below_db, framed((np.concatenate(parts) + quiet + noise).astype(np.float32)), spoken
    )


def fates(heard_in: Scene, settings: ListenSettings) -> list[Fate]:
    """What becomes of every question of a scene."""
    now = 0

    def frames() -> Iterator[AudioFrame]:
        nonlocal now
        for now, frame in enumerate(heard_in.frames):  # noqa: B007 - the ends are dated by it
            yield frame

    turns: list[tuple[int, int, EndReason]] = []  # first frame, frame at which it ended, why
    for turn in segment(frames(), voiced(settings.vad_mode), settings):
        first = now + 1 - round((turn.seconds * 1000 + turn.endpoint_ms) / FRAME_MS)
        turns.append((first, now, turn.end_reason))
    found: list[Fate] = []
    for begin, end in heard_in.spoken:
        cut_off = any(begin + NEAR < last < end - NEAR for _, last, _ in turns)
        after = [turn for turn in turns if turn[1] >= end - NEAR]
        if not after:
            found.append(Fate(None, at_limit=True, cut_off=cut_off, lead_s=0.0))
            continue
        first, last, why = after[0]
        found.append(
            Fate(
                max(0, last - end) * FRAME_MS / 1000,
                why is not EndReason.SILENCE,
                cut_off,
                max(0, begin - first) * FRAME_MS / 1000,
            )
        )
    return found


def figures(all_of: list[Fate]) -> dict[str, float]:
    """Waits in seconds, and shares in per cent."""
    waits = [99.0 if fate.wait_s is None else fate.wait_s for fate in all_of]
    return {
        "questions": len(all_of),
        "median_wait_s": round(float(np.median(waits)), 2),
        "p95_wait_s": round(float(np.quantile(waits, 0.95)), 2),
        "at_limit_percent": round(100 * float(np.mean([fate.at_limit for fate in all_of])), 1),
        "cut_off_percent": round(100 * float(np.mean([fate.cut_off for fate in all_of])), 1),
        "median_lead_s": round(float(np.median([fate.lead_s for fate in all_of])), 1),
    }


def asked_over_backgrounds(
    data: Path, count: int, settings: ListenSettings, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by way of listening and background."""
    clips = recordings(data, held_out_part=False)
    source = questions(recordings(data, held_out_part=True), settings, seed)
    each = -(-count // (len(KINDS) * len(BELOW_DB)))
    found: dict[str, dict[str, dict[str, float]]] = {way: {} for way in WAYS}
    total: dict[str, list[Fate]] = {way: [] for way in WAYS}
    for below_db in (*BELOW_DB, LOUDER_DB):
        for kind in KINDS:
            asked = [next(source) for _ in range(each)]
            heard_in = scene(kind, below_db, asked, clips, seed)
            for way, foreground in WAYS.items():
                tuned = replace(settings.tuned, foreground=foreground)
                told = settings.model_copy(update={"tuned": tuned})
                fate = fates(heard_in, told)
                found[way][f"{kind}, {below_db} dB"] = figures(fate)
                total[way] += fate if below_db > 0 else []
                _show(f"{kind}, {below_db} dB below", way, figures(fate))
    for way, fate in total.items():
        found[way]["all"] = figures(fate)
        _show("all that are below", way, found[way]["all"])
    return found


def reading(clips: list[Clip], varied_db: float, room: float, seed: int) -> list[AudioFrame]:
    """Somebody who reads aloud without a pause longer than ``BREATH_S``."""
    rng = random.Random(seed)  # noqa: S311 - reproducible
    parts: list[Samples] = []
    while sum(map(len, parts)) < READING_S * SAMPLE_RATE:
        sentence = said(rng.choice(clips)) * np.float32(10 ** (rng.gauss(0, varied_db) / 20))
        pause = np.zeros(round(rng.uniform(0.1, BREATH_S) * SAMPLE_RATE), np.float32)
        parts += [sentence, pause]
    whole = np.concatenate(parts)
    noise = np.random.default_rng(seed).standard_normal(len(whole)) * room
    return framed((whole + noise).astype(np.float32))


def read_aloud(
    data: Path, readers: int, settings: ListenSettings, seed: int
) -> list[dict[str, float | str]]:
    """Turns into which reading falls, by way of listening."""
    speakers: dict[str, list[Clip]] = {}
    for clip in recordings(data, held_out_part=True):
        speakers.setdefault(clip.speaker, []).append(clip)
    found: list[dict[str, float | str]] = []
    for varied_db in (0.0, VARIED_DB):
        for room in ROOMS:
            for number, name in enumerate(sorted(speakers, key=lambda each: -len(speakers[each]))):
                if number == readers:
                    break
                frames = reading(speakers[name], varied_db, room, seed + number)
                row: dict[str, float | str] = {"reader": name, "varied_db": varied_db, "room": room}
                for way, foreground in WAYS.items():
                    tuned = replace(settings.tuned, foreground=foreground)
                    told = settings.model_copy(update={"tuned": tuned})
                    row[way] = len(list(segment(frames, voiced(told.vad_mode), told)))
                found.append(row)
                print(*row.values(), sep="\t", flush=True)
    return found


def unasked(
    data: Path, hours: float, settings: Settings, seed: int, parts: Path | None
) -> dict[str, Row]:
    """What is made of hours in which nobody asks anything, by kind.

    All kinds take turns, so that a run that is broken off has heard as much of each.
    """
    clips = recordings(data, held_out_part=True)
    encoder = open_encoder(settings.encode)
    lines = parts.read_text(encoding="utf-8").splitlines() if parts and parts.exists() else []
    known = {each["seed"]: Row(**each["row"]) for each in map(json.loads, lines)}
    rows = {kind: Row(kind, 0.0, 0, 0, 0, 0) for kind in (*HOUR_KINDS, ALONE)}
    left_s = hours * 3600 / len(HOUR_KINDS)
    while left_s > 0:
        part_s = min(PART_S, left_s)
        left_s -= part_s
        for kind, before in rows.items():
            seed += 1
            row = known.get(seed)
            if row is None:
                samples = behind(kind, round(part_s * SAMPLE_RATE), seed, clips)
                row = judged(kind, part_s, heard(samples, settings), encoder, settings)
                _keep(parts, seed, row)
            rows[kind] = before.plus(row)
    return rows


def _keep(parts: Path | None, seed: int, row: Row) -> None:
    """Show a part, and write it down."""
    print(
        f"{row.kind:<16}{row.seconds / 3600:>6.2f}{row.utterances:>7}{row.words:>7}"
        f"{row.let_through:>9}{row.answered:>9}{row.asked_back:>7}",
        flush=True,
    )
    if parts is not None:
        with parts.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, "row": vars_of(row)}) + "\n")


def _show(name: str, way: str, row: dict[str, float]) -> None:
    print(
        f"{name:<28}{way:<11}{row['median_wait_s']:>7}{row['p95_wait_s']:>8}"
        f"{row['at_limit_percent']:>8}{row['cut_off_percent']:>9}{row['median_lead_s']:>7}",
        flush=True,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of public recordings")
    parser.add_argument("--questions", type=int, default=200, help="over all backgrounds; 0: none")
    parser.add_argument("--readers", type=int, default=4, help="who read aloud in quiet; 0: nobody")
    parser.add_argument("--hours", type=float, default=8.0, help="of background alone; 0: none")
    parser.add_argument("--parts", type=Path, help="file of the hours that were heard already")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    settings = load({}).settings
    told: dict[str, object] = {"bench": "homes", "seed": arguments.seed}
    if arguments.questions:
        print(f"{'':<39}{'wait s':>7}{'p95':>8}{'limit %':>8}{'cut off %':>9}{'lead s':>7}")
        told["asked"] = asked_over_backgrounds(
            arguments.data, arguments.questions, settings.listen, arguments.seed
        )
    if arguments.readers:
        print("reader, dB from sentence to sentence, room's noise, turns with levels, without")
        told["read"] = read_aloud(
            arguments.data, arguments.readers, settings.listen, arguments.seed
        )
    if arguments.hours:
        print(
            f"{'':<16}{'hours':>6}{'turns':>7}{'words':>7}{'believed':>9}{'answered':>9}{'asked':>7}"
        )
        rows = unasked(arguments.data, arguments.hours, settings, arguments.seed, arguments.parts)
        print("all parts:")
        for row in rows.values():
            _keep(None, 0, row)
        false = sum(rows[kind].answered for kind in HOUR_KINDS) / arguments.hours
        print(f"false answers an hour: {false:.2f}")
        told |= {"hours": arguments.hours, "false_answers_an_hour": round(false, 3)}
        told["unasked"] = [vars_of(row) for row in rows.values()]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
