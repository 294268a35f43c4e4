"""One cell of the comparison: a corpus, an LLM, a method and what the experiment varies.

Each cell is measured in a process of its own, so that its peak memory is its own, and leaves one
JSON object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assistant import child
from assistant.bridge.batch import EncodedPair, Pair, seed
from assistant.bridge.connect import Bridge
from assistant.config import INSTRUCTION, Settings, load
from assistant.encode.wav2vec2 import Wav2Vec2Encoder
from assistant.generate.llama import LlamaSession
from assistant.personalise.judging.score import Replies, Score, score
from assistant.values import SpeechFeatures
from bench.paper import corpora, methods, training
from bench.paper.corpora import Corpus, Sample
from bench.paper.language import Prompt, Twin
from bench.paper.language import load as load_model
from bench.paper.methods import EmbedLinked, Room
from bench.paper.training import Plan, Point
from bench.personalise import Bench

HEADS = ("ctc", "anchored", "letters")
"""Attune's own."""

EPOCHS = 400
"""The paper's cap."""

OTHER_INSTRUCTIONS = (
    INSTRUCTION,
    "You are Attune. Answer kindly and in few words.",
    "You are a patient companion. Speak plainly. Say so when you do not know.",
    "Answer the person at home briefly, warmly and honestly.",
    "You are a helpful voice assistant. Keep your answers short.",
)
"""The usual instruction, and another one for every week."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured."""

    experiment: str
    corpus: str
    llm: str
    method: str
    seed: int = 0
    value: str = ""  # of what the experiment varies


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are, and how much of them is used."""

    out: Path
    gguf: Path
    folder: Path | None  # the same LLM as a Hugging Face folder
    encoder: Path | None  # the starter's, unless another one is named
    whisper: Path | None = None  # folders with trained weights, for the comparison of encoders
    audioldm: Path | None = None
    epochs: int = EPOCHS
    size: int = corpora.SAMPLES
    unseen: int = corpora.UNSEEN
    steps: int | None = None  # of Attune's heads, for a look; none: all, with all common talk

    @property
    def used(self) -> dict[str, int]:
        """How much of what there is; a row of other amounts is another row."""
        return {"epochs": self.epochs, "size": self.size, "unseen": self.unseen}

    @property
    def settings(self) -> Settings:
        """The product's, for one process of one thread."""
        flags: dict[str, object] = {
            "generate.path": self.gguf,
            "generate.threads": 1,
            "encode.path": self.encoder,
            "encode.threads": 1,
            "personalise.threads": 1,
            "personalise.memory_mb": 16_000,
        }
        if self.steps is not None:
            flags |= {"personalise.canaries": 4, "personalise.replay": 8}
        return load(flags, environ={}, files=()).settings


def measure(cell: Cell, place: Place, told: Callable[[Point], None]) -> dict[str, Any]:
    """Everything that the report says of a cell."""
    torch.set_num_threads(1)
    corpus = corpora.load(place.out / "corpora" / f"{cell.corpus}.safetensors", place.size)
    corpus = replace(corpus, unseen=corpus.unseen[: place.unseen])
    with opened(place) as (bench, room):
        match cell.experiment:
            case "weeks":
                return {"weeks": list(weeks(cell, corpus, bench))}
            case _ if cell.method == "cascade":
                return {"score": asdict(methods.cascade(room, corpus.unseen))}
            case _ if cell.method in HEADS:
                return of_head(cell, corpus, bench)
            case _:
                return aligned(cell, place, corpus, bench, room, told)


@contextmanager
def opened(place: Place) -> Iterator[tuple[Bench, Room]]:
    """The product's encoder and LLM, and what the methods need of them."""
    settings = place.settings
    with LlamaSession(settings.generate) as session:
        bench = Bench(settings, session, None, place.out)
        if place.steps is not None:
            bench.steps = place.steps
        language = session.vocabulary

        def twin() -> Twin:
            return Twin(load_model(place.gguf, place.folder), Prompt.of(language))

        encoder = bench.encoder
        if not isinstance(encoder, Wav2Vec2Encoder):
            raise SystemExit("The paper's comparison trains through a wav2vec2: set encode.path.")
        yield bench, Room(encoder, language, Replies(session), twin, settings.personalise)


def aligned(
    cell: Cell,
    place: Place,
    corpus: Corpus,
    bench: Bench,
    room: Room,
    told: Callable[[Point], None],
) -> dict[str, Any]:
    """One training of the comparison's loop, and what came of it."""
    if cell.experiment == "sizes":
        corpus = replace(corpus, train=corpus.train[: int(cell.value)])
    if cell.experiment == "positions" and cell.value == "sinusoidal":
        corpus = replace(
            corpus,
            train=[positioned(each) for each in corpus.train],
            unseen=[positioned(each) for each in corpus.unseen],
        )
    slots = int(cell.value) if cell.experiment == "slots" else methods.SLOTS
    seed(cell.seed)
    method = methods.make(cell.method, room, corpus, cell.seed, slots)
    if isinstance(method, EmbedLinked):
        method.learns_padding = cell.experiment != "padding"
    before_mb = child.peak_mb()
    plan = Plan(
        epochs=place.epochs,
        rate=methods.RATES.get(cell.method, training.RATE),
        seed=cell.seed,
    )
    course = training.train(method, corpus.train, plan, told)
    found: dict[str, Any] = {
        "course": {
            "points": [asdict(point) for point in course.points],
            "steps": course.steps,
            "wall_s": course.wall_s,
            "settled": asdict(course.settled),
            "reached": None if course.reached is None else asdict(course.reached),
        },
        "trained": sum(parameter.numel() for parameter in method.parameters()),
        "before_mb": before_mb,
        "peak_mb": course.peak_mb,
        "score": asdict(method.judge(corpus.unseen)),
    }
    if isinstance(method, EmbedLinked):
        if cell.method == "ours" and cell.experiment == "table":
            found["injection"] = injection(method, corpus, bench, room)
        pads = method.bridge(pads=True)
        found["with_padding"] = asdict(
            room.score_bridge(pads, [each.pair for each in corpus.unseen])
        )
    return found


def of_head(cell: Cell, corpus: Corpus, bench: Bench) -> dict[str, Any]:
    """One of Attune's heads, trained and read as the product does it."""
    pairs = [each.pair for each in corpus.train]
    if cell.experiment == "sizes":
        pairs = pairs[: int(cell.value)]
    before_mb, began = child.peak_mb(), time.process_time()
    taught = bench.train(cell.method, pairs, cell.seed)
    seconds = time.process_time() - began
    share = seconds / max(taught.curve[-1].seconds, 1e-9)  # of processor time to the clock's
    # measured now and then on held-out examples: the loss of single steps says little
    points = [
        Point(at.step, at.held_out, at.seconds * share)
        for at in taught.curve
        if at.held_out is not None
    ]
    bridge = bench.join(replace(taught.candidate, accepted=True))
    results = bench.gate.results(bridge, [each.pair for each in corpus.unseen])
    return {
        "course": {
            "points": [asdict(point) for point in points],
            "steps": points[-1].epoch,
            "wall_s": taught.seconds,
            "settled": asdict(training.settled(points)),
            "reached": None,
        },
        "trained": sum(tensor.numel() for tensor in taught.candidate.weights.values()),
        "before_mb": before_mb,
        "peak_mb": child.peak_mb(),
        "score": asdict(score(results)),
    }


def injection(
    method: EmbedLinked, corpus: Corpus, bench: Bench, room: Room
) -> dict[str, dict[str, float]]:
    """The same bridge with the instruction in front, without one, and with it behind.

    All against the replies to the true texts with the instruction in front: what the user wants
    to hear.
    """
    pairs = [each.pair for each in corpus.unseen]
    prompts = [method.bridge().soft_prompt(pair.features) for pair in pairs]
    heard = [prompt.heard for prompt in prompts]
    found = {"on": room.score(pairs, [room.replies.to_prompt(each) for each in prompts], heard)}
    twin = room.twin()
    before, after = twin.prompt.before, twin.prompt.after
    behind = [
        room.language.text(twin.reply(torch.tensor(each.rows), before, after)).strip()
        for each in prompts
    ]
    found["audio first"] = room.score(pairs, behind, heard)
    text_behind = [
        room.language.text(twin.reply(room.language.tokens(pair.text), before, after)).strip()
        for pair in pairs
    ]
    found["text first"] = room.score(pairs, text_behind, [pair.text for pair in pairs])
    session = bench.session
    try:
        session.set_instruction("")
        bare = Replies(session)
        found["off"] = room.score(pairs, [bare.to_prompt(each) for each in prompts], heard)
        found["text, off"] = room.score(
            pairs, [bare.to_text(pair.text) for pair in pairs], [pair.text for pair in pairs]
        )
    finally:
        session.set_instruction(INSTRUCTION)
    return {name: asdict(each) for name, each in found.items()}


def weeks(cell: Cell, corpus: Corpus, bench: Bench) -> Iterator[dict[str, Any]]:
    """A user who teaches a little every week, with one instruction and with ever new ones."""
    rng = np.random.default_rng(cell.seed)
    pairs = [corpus.train[at].pair for at in rng.permutation(len(corpus.train))]
    unseen = [each.pair for each in corpus.unseen]
    a_week = len(pairs) // (len(OTHER_INSTRUCTIONS) - 1)
    for week in range(len(OTHER_INSTRUCTIONS)):
        taught = bench.train(cell.method, pairs[: week * a_week], cell.seed)
        bridge = bench.join(replace(taught.candidate, accepted=True))
        kept = score(bench.gate.results(bridge, unseen))
        changed = with_instruction(bench, OTHER_INSTRUCTIONS[week], bridge, unseen)
        yield {"week": week, "kept": asdict(kept), "changed": asdict(changed)}


def with_instruction(
    bench: Bench, instruction: str, bridge: Bridge, pairs: Sequence[Pair]
) -> Score:
    """The dual-path score under another instruction, on both paths."""
    try:
        bench.session.set_instruction(instruction)
        return score(bench.renewed_gate().results(bridge, pairs))
    finally:
        bench.session.set_instruction(INSTRUCTION)


def positioned(sample: Sample) -> Sample:
    """The sample with sinusoids added to its features, at the features' own spread."""
    old = sample.pair.features
    n_frames, dim = old.frames.shape
    angle = np.arange(n_frames)[:, None] / 10_000 ** (np.arange(0, dim, 2) / dim)
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(n_frames, -1)[:, :dim]
    frames = (old.frames + waves * old.frames.std()).astype(np.float32)
    features = SpeechFeatures(frames, old.frame_rate, old.transcript, old.encoder)
    return Sample(sample.utterance, EncodedPair(features, sample.pair.text))
