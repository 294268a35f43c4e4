"""How well each speech encoder writes down what people say, beside faster-whisper.

The held-out parts of the public recordings, and any folder of recordings with texts (as 'assistant
log import' takes them), go through every encoder that is found: the bundled ones, those that are
installed, and others that are named. Where an encoder is a Whisper of CTranslate2, faster-whisper
hears the same files with it in the same run, with its own spectrogram and windows of 30 s. Each
runs in a process of its own, by turns. Words are compared without case, punctuation and digits.

    python -m bench.people --data PATH --picture docs/people.png

With ``--fit`` it prints the calibration of a family instead, from what its encoders make of
recordings that may be trained on, some slowed, hurried or under noise, and of synthesised requests.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from assistant.catalog.folder import ModelFolder
from assistant.config import EncodeSettings, load, starter_dir
from assistant.encode.encoder import Encoder, open_encoder
from assistant.encode.folder import is_ctranslate
from assistant.listen.recordings import load as load_recording
from assistant.nets.calibration import doubt
from assistant.personalise.data.corpus.folder import pairs
from assistant.personalise.data.corpus.pair import Pair
from assistant.spoken import said_words
from assistant.values import EndReason, Utterance
from bench.impair import impair
from bench.logistic import Floats, calibration_error, chances, fit
from models.recipe.corpus import read, recordings
from models.recipe.encoder import word_errors
from models.recipe.evaluate import utterances

OURS, THEIRS = "Attune", "faster-whisper"


@dataclass(frozen=True, slots=True)
class Said:
    """A recording and what is said in it."""

    path: str
    text: str
    speaker: str
    collection: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one recording."""

    text: str
    confidence: float
    ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """One encoder on one collection."""

    encoder: str
    by: str
    collection: str
    recordings: int
    word_error: float  # per cent
    worst_tenth: float  # word error of the speaker at the 90th percentile, per cent
    right: float  # share of recordings in which every word is right, per cent
    ms: float  # median per recording
    memory_mb: float  # what it adds to a process that has imported torch
    calibration_error: float | None  # expected, 0 to 1; faster-whisper says nothing of the kind


@dataclass(frozen=True, slots=True)
class Bin:
    """Recordings of one encoder about whose transcripts it was about as sure."""

    encoder: str
    said: float  # mean chance that all words are right, per cent
    right: float  # share that was, per cent
    recordings: int


BINS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Chances between which the reliability table counts."""


def held_out(data: Path | None, folder: Path | None, limit: int) -> list[Said]:
    """What is to be heard, at most so many recordings of each collection."""
    found: list[Said] = []
    for clip in recordings(data, held_out_part=True) if data is not None else ():
        collection = "kathleen" if clip.speaker == "kathleen" else "speechocean762"
        found.append(Said(str(clip.path), clip.text, clip.speaker, collection))
    if folder is not None:
        for pair in pairs(folder):
            if isinstance(pair, Pair):
                path = Path(pair.source)
                found.append(Said(str(path), pair.text, path.parent.name, folder.name))
    by_collection: dict[str, list[Said]] = {}
    for said in found:
        by_collection.setdefault(said.collection, []).append(said)
    rng = random.Random(1)  # noqa: S311 - reproducible, not secret
    return [
        said
        for each in by_collection.values()
        for said in (rng.sample(each, limit) if 0 < limit < len(each) else each)
    ]


def atypical(said: Sequence[Said], folder: Path) -> list[Said]:
    """Kathleen's recordings made atypical, moderately, in this folder; nobody real sounds so."""
    found: list[Said] = []
    for number, each in enumerate(each for each in said if each.collection == "kathleen"):
        path = folder / f"{number}.wav"
        soundfile.write(path, impair(load_recording(Path(each.path)), "moderate", number), 16_000)
        found.append(replace(each, path=str(path), collection="kathleen, atypical (simulated)"))
    return found


def encoders(named: Sequence[Path]) -> dict[str, Path]:
    """Encoders by the names that people know them by."""
    found = {"whisper tiny.en (bundled)": starter_dir() / "whisper"}
    found["letters (bundled)"] = starter_dir() / "encoder"
    installed = ModelFolder(load(environ={}, files=()).settings.models.folder)
    for name in installed.names():
        if (installed.place(name) / "config.json").is_file():
            found[name] = installed.place(name)
    return found | {path.name: path for path in named}


def hear(said: Sequence[Said], path: Path, by: str, threads: int) -> tuple[list[Heard], float]:
    """What one side makes of recordings, and its memory in MB; in a process of its own."""
    order = {"by": by, "path": str(path), "threads": threads, "files": [each.path for each in said]}
    done = subprocess.run(
        [sys.executable, "-m", "bench.people", "--child"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    *lines, last = done.stdout.splitlines()
    return [Heard(**json.loads(line)) for line in lines], json.loads(last)["memory_mb"]


def child() -> None:
    """Hear what standard input names; a JSON line for each recording, and one for the memory."""
    order = json.load(sys.stdin)
    before_mb = _resident_mb()
    listen = _faster_whisper if order["by"] == THEIRS else _attune
    for heard in listen(Path(order["path"]), order["threads"], order["files"]):
        print(json.dumps(asdict(heard)), flush=True)
    print(json.dumps({"memory_mb": _resident_mb() - before_mb}))


def _resident_mb() -> float:
    """Memory of this process now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _attune(path: Path, threads: int, files: Iterable[str]) -> Iterator[Heard]:
    encoder = open_encoder(EncodeSettings.model_validate({"path": path, "threads": threads}))
    for samples in map(load_recording, map(Path, files)):
        began = time.monotonic()
        transcript = encoder.encode(_utterance(samples)).transcript
        yield Heard(transcript.text, transcript.confidence, (time.monotonic() - began) * 1_000)


def _faster_whisper(path: Path, threads: int, files: Iterable[str]) -> Iterator[Heard]:
    from faster_whisper import WhisperModel  # noqa: PLC0415 - only this side needs it

    model = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=threads)
    for samples in map(load_recording, map(Path, files)):
        began = time.monotonic()
        segments, _ = model.transcribe(samples, language="en", without_timestamps=True)
        text = " ".join(segment.text.strip() for segment in segments)
        yield Heard(text, 0.0, (time.monotonic() - began) * 1_000)


def scored(
    name: str, by: str, said: Sequence[Said], heard: Sequence[Heard], memory_mb: float
) -> Iterator[Row]:
    """A row for each collection."""
    for collection in dict.fromkeys(each.collection for each in said):
        both = [(s, h) for s, h in zip(said, heard, strict=True) if s.collection == collection]
        right = [said_words(s.text) == said_words(h.text) for s, h in both]
        chance = np.array([h.confidence for _, h in both])
        speakers = {s.speaker for s, _ in both}
        worst = [_word_error([pair for pair in both if pair[0].speaker == one]) for one in speakers]
        yield Row(
            name,
            by,
            collection,
            len(both),
            round(_word_error(both), 2),
            round(float(np.quantile(worst, 0.9)), 1),
            round(100 * float(np.mean(right)), 1),
            round(float(np.median([h.ms for _, h in both]))),
            round(memory_mb),
            round(calibration_error(chance, np.array(right, float)), 3) if by == OURS else None,
        )


def reliability(name: str, said: Sequence[Said], heard: Sequence[Heard]) -> Iterator[Bin]:
    """How often transcripts are right, beside how sure the encoder was of them."""
    chance = np.array([h.confidence for h in heard])
    right = np.array(
        [said_words(s.text) == said_words(h.text) for s, h in zip(said, heard, strict=True)]
    )
    for low, high in pairwise(BINS):
        here = (chance >= low) & ((chance < high) | (high == 1.0))
        if here.any():
            share = round(100 * float(right[here].mean()), 1)
            yield Bin(name, round(100 * float(chance[here].mean()), 1), share, int(here.sum()))


def _word_error(both: Sequence[tuple[Said, Heard]]) -> float:
    wrong = sum(word_errors(said_words(s.text), said_words(h.text)) for s, h in both)
    return 100 * wrong / max(1, sum(len(said_words(s.text).split()) for s, _ in both))


def _utterance(samples: NDArray[np.float32]) -> Utterance:
    return Utterance(samples, datetime.now(timezone.utc), EndReason.STOP)


def fitted(encoders: Sequence[Encoder], data: Path, count: int) -> dict[str, float]:
    """The calibration of a family, of whose encoders each counts the same.

    Args:
        encoders: whose words are judged.
        data: folder of public recordings.
        count: recordings of each kind.
    """
    judged = [_judged(encoder, data, count) for encoder in encoders]
    features, right = (np.concatenate([each[at] for each in judged]) for at in (0, 1))
    weights = np.concatenate([each[2] / each[2].sum() for each in judged])
    found = fit(features, right, weights * len(right) / len(judged))
    return {
        "bias": round(float(found[0]), 3),
        "slope": round(float(found[1]), 3),
        "recordings": len(right),
        "calibration_error_there": round(calibration_error(chances(features, found), right), 3),
    }


def _judged(encoder: Encoder, data: Path, count: int) -> tuple[Floats, Floats, Floats]:
    """What the calibration sees of recordings, whether they were heard right, and their weights."""
    rng = random.Random(1)  # noqa: S311 - reproducible, not secret
    clips = recordings(data, held_out_part=False)
    kathleen = [clip for clip in clips if clip.speaker == "kathleen"]
    others = [clip for clip in clips if clip.speaker != "kathleen"]
    rng.shuffle(kathleen)
    rng.shuffle(others)
    heard: list[tuple[NDArray[np.float32], str]] = []
    heard += [(read(clip), clip.text) for clip in (*kathleen[:count], *others[: 2 * count])]
    for clip in kathleen[count : count + count // 2]:
        samples = read(clip)
        noise = np.random.default_rng(len(samples)).standard_normal(len(samples))
        noise *= np.sqrt(np.mean(np.square(samples))) * 10 ** (-5 / 20)
        heard.append(((samples + noise).astype(np.float32), clip.text))
        heard += [(soxr.resample(samples, 10, rate), clip.text) for rate in (6, 17)]
    n_human = len(heard)
    if encoder.spelling is not None:  # it has heard too few people to be right about them
        heard += [(each.samples, text) for each, text in utterances(4 * count, 4_242)]
    given: list[tuple[float, ...]] = []
    right: list[bool] = []
    weights: list[float] = []  # people count twice as much as robots, all of them together
    of_people = 2 * max(1, len(heard) - n_human) / n_human
    for at, (samples, text) in enumerate(heard):
        transcript = encoder.encode(_utterance(np.ascontiguousarray(samples))).transcript
        if transcript.words:
            given.append((1.0, doubt([word.confidence for word in transcript.words])))
            right.append(said_words(text) == transcript.spoken)
            weights.append(of_people if at < n_human < len(heard) else 1.0)
    return np.array(given), np.array(right, float), np.array(weights)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bars of word error, an encoder beside the other, a group for each collection."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    collections = list(dict.fromkeys(row.collection for row in rows))
    sides = list(dict.fromkeys((row.encoder, row.by) for row in rows))
    figure, axis = plt.subplots(figsize=(8, 3.4))
    width = 0.8 / len(sides)
    for at, (name, by) in enumerate(sides):
        errors = [
            next(r.word_error for r in rows if (r.encoder, r.by, r.collection) == (name, by, each))
            for each in collections
        ]
        label = name if by == OURS else f"{name}, {by}"
        places = np.arange(len(collections)) + at * width
        bars = axis.bar(places, errors, width, label=label, hatch=None if by == OURS else "//")
        axis.bar_label(bars, fmt="%.1f", fontsize=7)
    axis.set_xticks(np.arange(len(collections)) + 0.4 - width / 2, collections)
    axis.set_ylabel("words misheard, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of public recordings")
    parser.add_argument("--folder", type=Path, help="recordings with texts of your own")
    parser.add_argument("--encoder", type=Path, nargs="*", default=[], help="others than are found")
    parser.add_argument("--only", nargs="*", help="of those found, only these names")
    parser.add_argument("--ours", action="store_true", help="without faster-whisper")
    parser.add_argument("--limit", type=int, default=0, help="recordings of a collection; 0: all")
    parser.add_argument(
        "--impaired", type=Path, metavar="FOLDER", help="Kathleen made atypical, too, kept there"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--picture", type=Path, help="where the bars go")
    parser.add_argument(
        "--fit", type=Path, nargs="+", metavar="PATH", help="print their calibration"
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child()
        return
    if arguments.fit is not None:
        family = [open_encoder(EncodeSettings.model_validate({"path": p})) for p in arguments.fit]
        print(json.dumps(fitted(family, arguments.data, arguments.limit or 100)))
        return
    said = held_out(arguments.data, arguments.folder, arguments.limit)
    if not said:
        parser.error("name recordings with --data or --folder")
    if arguments.impaired is not None:
        arguments.impaired.mkdir(parents=True, exist_ok=True)
        said += atypical(said, arguments.impaired)
    rows: list[Row] = []
    bins: list[Bin] = []
    _line(
        "encoder", "by", "recordings of", "n", "WER %", "worst tenth", "right %", "ms", "MB", "ECE"
    )
    for name, path in encoders(arguments.encoder).items():
        if arguments.only and name not in arguments.only:
            continue
        for by in (OURS, THEIRS) if is_ctranslate(path) and not arguments.ours else (OURS,):
            heard, memory_mb = hear(said, path, by, arguments.threads)
            for row in scored(name, by, said, heard, memory_mb):
                rows.append(row)
                _line(*asdict(row).values())
            if by == OURS:
                bins += reliability(name, said, heard)
    if arguments.picture is not None:
        draw(rows, arguments.picture)
    print("\nhow sure it was, and how often it was right, per cent; recordings")
    for each in bins:
        print(f"{each.encoder:<26}{each.said:>7}{each.right:>7}{each.recordings:>6}")
    told = {"rows": [asdict(row) for row in rows], "bins": [asdict(x) for x in bins]}
    print(json.dumps({"bench": "people", **told}))


def _line(*cells: Any) -> None:
    widths = (26, 15, 15, 5, 7, 12, 8, 6, 6, 7)
    texts = ["-" if cell is None else str(cell) for cell in cells]
    print(
        "".join(f"{text:<{width}}" for text, width in zip(texts, widths, strict=True)), flush=True
    )


if __name__ == "__main__":
    main()
