"""What the comparison is run on: simulated speakers, public recordings, or anybody's own corpus.

Every corpus is encoded once by the frozen encoder and kept, sound and features, so that all
methods see the same thing. The five TalkBank corpora of the paper are not public: for people
who have access there are presets that say whose sentences are taken from them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from assistant import durable
from assistant.bridge.batch import EncodedPair, Pair
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.personalise.data import corpus as importer
from assistant.values import EndReason, SpeechFeatures, Transcript, Utterance, Word
from bench.speakers import SPEAKERS
from models.recipe.corpus import Clip, held_out_requests, read, recordings, spoken_form

SAMPLES = 100
"""Utterances to train on, as in the paper's Table I."""

UNSEEN = 50
"""Utterances to measure on."""


LEAST = 12
"""Utterances without which a corpus is none."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Whose sentences the paper's comparison takes from a TalkBank corpus."""

    participant: str  # the speaker's code in the transcripts
    left_out: tuple[str, ...]  # parts of paths: people without the condition, other languages
    about: str


PRESETS = {
    "adress": Preset("PAR", ("/cc/", "/control/"), "ADReSS-IS2020: Alzheimer's disease"),
    "baycrest": Preset("PAR", ("/control",), "Baycrest: people with aphasia"),
    "ellisweismer": Preset("CHI", ("/TD/", "/typ"), "Ellis Weismer: late talkers, children"),
    "enni": Preset("CHI", ("/TD/",), "ENNI: children with specific language impairment"),
    "neural": Preset("PAR", ("/control",), "NEURAL: people with neurological conditions"),
}
"""The paper's five corpora. Folders are laid out as TalkBank hands them out; the paper does not
say which speakers it took, so the presets take those who have the condition."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One sentence: its sound, its features and its text."""

    utterance: Utterance
    pair: Pair


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """What is trained on, and what is measured on and never trained on."""

    name: str
    train: list[Sample]
    unseen: list[Sample]


Sound = tuple[NDArray[np.float32], str]
"""Samples, mono 16 kHz, and what is said in them."""


def sounds(
    name: str, data: Path | None, folder: Path | None, most: int = SAMPLES + UNSEEN
) -> list[Sound]:
    """A corpus's sentences before they are encoded, those to train on first.

    Args:
        name: ``polish``, ``turkish``, ``finnish`` (simulated); ``kathleen``, ``speechocean``
            (public recordings in ``data``); a preset of ``PRESETS`` or any name, of ``folder``.
        data: folder of public recordings, laid out as ``models/recipe/README.md`` says.
        folder: a corpus that ``assistant log import`` can read.
        most: sentences.

    Raises:
        SystemExit: if there is no such corpus, or nothing in it.
    """
    if folder is not None:
        found = list(imported(name, folder))
    elif name in SIMULATED:
        speaker = SIMULATED[name]
        texts = held_out_requests(777, most)
        found = [(speaker.say(text, at).samples, text) for at, text in enumerate(texts)]
    elif name in ("kathleen", "speechocean"):
        if data is None:
            raise SystemExit(f"{name} is a public collection: name its folder with --data.")
        found = list(recorded(name, data))
    else:
        raise SystemExit(
            f"There is no corpus {name}. There are {', '.join(SIMULATED)}, with --data kathleen "
            "and speechocean, and any folder with --corpus NAME=FOLDER."
        )
    if len(found) < LEAST:
        raise SystemExit(f"{name} has {len(found)} sentences; {LEAST} are needed at least.")
    return found[:most]


SIMULATED = dict(zip(("polish", "turkish", "finnish"), SPEAKERS, strict=True))


def recorded(name: str, data: Path) -> Iterator[Sound]:
    """Sentences of public recordings that no training of the starter has seen.

    ``kathleen`` is one woman whose other sentences the starter knows; ``speechocean`` is several
    people whom it has never heard. Each sentence comes once.
    """
    clips = [
        clip
        for clip in recordings(data, held_out_part=True)
        if (clip.speaker == "kathleen") == (name == "kathleen")
    ]
    distinct: dict[str, Clip] = {}
    for clip in sorted(clips, key=lambda clip: _order(str(clip.path.name))):
        distinct.setdefault(spoken_form(clip.text), clip)
    for text, clip in distinct.items():
        if len(text.split()) > 1:
            yield read(clip), text


def imported(name: str, folder: Path) -> Iterator[Sound]:
    """Sentences of a folder, a table or CHAT transcripts, in an order of their own."""
    preset = PRESETS.get(name)
    found = importer.pairs(folder, participant=preset and preset.participant)
    pairs = [each for each in found if isinstance(each, importer.Pair)]
    left_out = () if preset is None else preset.left_out
    sounds = {f"/{os.path.relpath(each.source, folder)}": each for each in pairs}
    for source in sorted(sounds, key=_order):
        if not any(part in source for part in left_out):
            yield sounds[source].samples, sounds[source].text


def prepare(name: str, found: Sequence[Sound], encoder: Wav2Vec2Encoder, path: Path) -> None:
    """Encode a corpus and keep it."""
    samples = [
        Sample(utterance, EncodedPair(encoder.encode(utterance), text))
        for utterance, text in ((_utterance(wave), text) for wave, text in found)
    ]
    tensors = {
        **_packed("waves", [each.utterance.samples for each in samples]),
        **_packed("frames", [each.pair.features.frames for each in samples]),
    }
    first = samples[0].pair.features
    header = {
        "name": name,
        "texts": json.dumps([each.pair.text for each in samples]),
        "encoder": first.encoder,
        "frame_rate": json.dumps(first.frame_rate),
        "transcripts": json.dumps([asdict(each.pair.features.transcript) for each in samples]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, save(tensors, metadata=header))


def load(path: Path, size: int = SAMPLES) -> Corpus:
    """A corpus that was prepared; the last sentences, a third at most, are the unseen ones.

    Args:
        path: where it was kept.
        size: most utterances to train on.
    """
    with cast("Any", safe_open)(path, framework="np") as file:
        header: dict[str, str] = file.metadata()
        waves, frames = _unpacked(file, "waves"), _unpacked(file, "frames")
    rate, encoder = json.loads(header["frame_rate"]), header["encoder"]
    samples = [
        Sample(
            _utterance(wave), EncodedPair(SpeechFeatures(frame, rate, transcript, encoder), text)
        )
        for wave, frame, transcript, text in zip(
            waves,
            frames,
            map(_transcript, json.loads(header["transcripts"])),
            json.loads(header["texts"]),
            strict=True,
        )
    ]
    unseen = min(UNSEEN, len(samples) // 3)
    return Corpus(header["name"], samples[:-unseen][:size], samples[-unseen:])


def _utterance(wave: NDArray[np.float32]) -> Utterance:
    return Utterance(
        np.ascontiguousarray(wave), datetime(2026, 1, 1, tzinfo=timezone.utc), EndReason.STOP
    )


def _order(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _packed(name: str, arrays: Iterable[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    parts = list(arrays)
    return {name: np.concatenate(parts), f"{name}_ends": np.cumsum([len(each) for each in parts])}


def _unpacked(file: Any, name: str) -> list[NDArray[np.float32]]:
    return np.split(file.get_tensor(name), file.get_tensor(f"{name}_ends")[:-1])


def _transcript(values: dict[str, Any]) -> Transcript:
    words = tuple(Word(**word) for word in values.pop("words"))
    return Transcript(**values, words=words)
