"""A first bridge for a pair of models that has none, trained on speech from espeak-ng.

Until then such a pair uses the transcript; untrained ``letters`` and ``anchored`` bridges read
exactly like it. Features are computed once and stored on the disk, so hours of work on a small
board can be interrupted anywhere. A bridge written to a file elsewhere learns nothing from the
journal, because no erasure would reach it there.
"""

from __future__ import annotations

import gc
import hashlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

import torch

from assistant.bridge import kinds
from assistant.bridge.kinds.kind import Head
from assistant.config import Settings
from assistant.encode.encoder import open_encoder
from assistant.errors import TrainingError
from assistant.generate.vocabulary import vocabulary
from assistant.journal.store import Journal
from assistant.journal.turn import TEXT_SOURCE, Turn
from assistant.personalise.bridges import training_files
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.shred import shred
from assistant.personalise.bridges.training_files import GENERAL, PRIVATE, features
from assistant.personalise.data import corpus
from assistant.personalise.data.examples import is_drawn, spoken
from assistant.personalise.data.feature_file import EncodedFile
from assistant.personalise.data.features import TrainingFeatures
from assistant.personalise.data.synthetic import Sentence, common, own
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.training.ending import (
    Record,
    candidate_of,
    conclude,
    name_of,
    verdict_on,
)
from assistant.personalise.training.events import (
    Collected,
    Encoded,
    Event,
    Judged,
    Nothing,
)
from assistant.personalise.training.request import Request
from assistant.personalise.training.retrain import alone, beginning, stepping
from assistant.personalise.training.trainer import Material, Trained, Trainer
from assistant.values import EndReason, Utterance

STATE = training_files.BOOTSTRAP
"""The saved state of a bootstrap, in the folder of bridges."""

TAKES = 8
"""Voices per text of the person's own."""

JUDGED = 40
"""Most held-out sentences for which the gate asks the LLM."""

_WORKSTATION_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class BootstrapRequest:
    """What a bootstrap is asked to do."""

    head: str = "ctc"
    corpora: tuple[Path, ...] = ()  # recordings with texts, as for 'assistant log import'
    utterances: int = 1_500  # training utterances from bundled sentences
    steps: int = 0  # 0: as many as the head needs
    output: Path | None = None  # None: the folder of bridges
    device: str = "cpu"  # for training, as torch names it
    threads: int = 1


@dataclass(frozen=True, slots=True)
class _Said:
    """One utterance to learn from or to judge by."""

    key: str
    text: str
    held_out: bool
    file: EncodedFile  # holds its features once it is encoded


_Sounding = tuple[_Said, Callable[[], Utterance]]


def bootstrap(
    settings: Settings,
    plan: BootstrapRequest,
    on_event: Callable[[Event], None],
    note: Callable[[str], None],
    stop: threading.Event,
) -> Judged | Nothing:
    """Train a bridge for the settings' pair of models, judge it, and promote it if accepted.

    Args:
        settings: all of them.
        plan: the request.
        on_event: called with every event, including the returned one.
        note: called with a sentence about each recording that cannot be used.
        stop: asks for the training's state to be saved.

    Raises:
        Interrupted: if ``stop`` was set; the next bootstrap resumes from the saved state.
        AttuneError: if a model or folder cannot be opened, another training is running, or this
            one fails.
    """
    wanted = settings.personalise
    changes = {
        "head": plan.head,
        "steps": plan.steps or wanted.steps or kinds.named(plan.head).bootstrap_steps,
        "threads": plan.threads,
    }
    settings = settings.model_copy(update={"personalise": wanted.model_copy(update=changes)})
    _require(plan.device)
    with ExitStack() as owned:
        owned.enter_context(alone(settings.bridges))
        journal = None
        if plan.output is None:
            journal = owned.enter_context(Journal.open(settings.journal))
        try:
            outcome = _bootstrap(settings, plan, journal, on_event, note, stop)
        except TrainingError:
            shred([settings.bridges / STATE])  # it cannot be resumed
            raise
        shred([settings.bridges / STATE, *features(settings.bridges, GENERAL, PRIVATE)])
    on_event(outcome)
    return outcome


def own_texts(turns: Iterable[Turn]) -> dict[str, int]:
    """Typed and confirmed texts in spoken form, with their exchanges."""
    texts: dict[str, int] = {}
    for turn in turns:
        typed = turn.hypothesis if turn.source == TEXT_SOURCE else None
        if turn.consent and (text := spoken(turn.correction or typed or "")):
            texts[text] = turn.id
    return texts


def _bootstrap(
    settings: Settings,
    plan: BootstrapRequest,
    journal: Journal | None,
    on_event: Callable[[Event], None],
    note: Callable[[str], None],
    stop: threading.Event,
) -> Judged | Nothing:
    folder = BridgeFolder(settings.bridges)
    texts = {} if journal is None else own_texts(journal.turns())
    turns = sorted(set(texts.values()))
    heard = _hear(settings, plan, texts, on_event, note)
    head, trained = _train(
        settings, plan, heard, on_event, stop, lambda: journal is None or journal.exist(turns)
    )
    candidate = candidate_of(head.checkpoint, trained, bootstrap="synthesised speech")
    some = replace(heard, held_out=heard.held_out[:JUDGED])

    def judged() -> Verdict:
        return verdict_on(settings, some, trained, candidate, on_event)

    if journal is not None:
        record = Record(plan.head, "scratch", turns, trained.curve)
        return conclude(folder, journal, candidate, record, judged)
    verdict = judged()
    if plan.output is not None:
        replace(candidate, accepted=verdict.accepted).write(plan.output)
    return Judged(candidate.version, verdict.accepted, verdict.why, verdict.numbers)


def _hear(
    settings: Settings,
    plan: BootstrapRequest,
    texts: Iterable[str],
    on_event: Callable[[Event], None],
    note: Callable[[str], None],
) -> TrainingFeatures:
    """Features of everything, each computed once; the person's own texts come first."""
    share = settings.personalise.held_out
    encoder = open_encoder(settings.encode.model_copy(update={"threads": plan.threads}))
    general, private = (
        EncodedFile(settings.bridges, name, encoder.fingerprint) for name in (GENERAL, PRIVATE)
    )
    mine = list(_synthetic(own(texts, TAKES, share), private))
    bundled = list(_synthetic(common(plan.utterances, share), general))
    recorded = [said for said, _ in _recorded(plan.corpora, general, share, note)]
    everything = [*(said for said, _ in mine), *recorded, *(said for said, _ in bundled)]
    judging = sum(said.held_out for said in everything)
    on_event(Collected(len(everything) - judging, judging))
    # the corpora are read again, since their sound does not fit into memory
    sounding = chain(mine, _recorded(plan.corpora, general, share), bundled)
    for number, (said, sound) in enumerate(sounding, 1):
        if said.key not in said.file:
            said.file.add(said.key, encoder.encode(sound()))
            on_event(Encoded(number, len(everything)))
    pairs = [(said.file.pair(said.key, said.text), said.held_out) for said in everything]
    heard = TrainingFeatures.by(encoder, pairs)
    del encoder
    gc.collect()  # hundreds of megabytes with a full-size encoder
    return heard


def _synthetic(sentences: Iterable[Sentence], file: EncodedFile) -> Iterator[_Sounding]:
    for each in sentences:
        yield _Said(each.key, each.text, each.held_out, file), each.say


def _recorded(
    corpora: Iterable[Path],
    file: EncodedFile,
    share: float,
    note: Callable[[str], None] = lambda _text: None,
) -> Iterator[_Sounding]:
    """The sentences of corpora, one at a time in memory."""
    for path in corpora:
        for found in corpus.pairs(path):
            if isinstance(found, corpus.Problem):
                note(f"{found.where}: {found.why}")
            elif isinstance(found, corpus.Pair):
                key = hashlib.sha256(f"{found.source}\n{found.text}".encode()).hexdigest()[:20]
                said = _Said(key, found.text, is_drawn(found.text, share), file)
                now = datetime.now(timezone.utc)
                recording = Utterance(found.samples, now, EndReason.STOP, source=found.source)
                yield said, lambda recording=recording: recording


def _train(
    settings: Settings,
    plan: BootstrapRequest,
    heard: TrainingFeatures,
    on_event: Callable[[Event], None],
    stop: threading.Event,
    is_wanted: Callable[[], bool],
) -> tuple[Head, Trained]:
    """Train from scratch, or resume the saved state of the same training."""
    folder, steps = BridgeFolder(settings.bridges), settings.personalise.steps
    wanted = settings.personalise
    if plan.device != "cpu":  # a GPU driver alone maps gigabytes
        wanted = wanted.model_copy(update={"memory_mb": _WORKSTATION_MB})
    with vocabulary(settings.generate.path) as language:
        head, _ = beginning(settings, Request("scratch"), folder, heard, language)
        seen = [(pair.text, pair.frames) for pair in (*heard.train, *heard.held_out)]
        with torch.device(plan.device):
            trainer = Trainer(
                head,
                Material(heard.train, [], heard.held_out),
                wanted,
                settings.bridges / STATE,
                name_of(settings, head, seen),
            )
            trained = trainer.run(stepping(steps, on_event), stop, math.inf, is_wanted)
    return head, trained


def _require(device: str) -> None:
    """Raise ``TrainingError``, before hours of work, if torch cannot use a device."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        first_line = str(error).partition("\n")[0]
        raise TrainingError(
            f"torch cannot train on {device!r} here ({first_line}). Leave out --device to train on "
            "the processor."
        ) from None
