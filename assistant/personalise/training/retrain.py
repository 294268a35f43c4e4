"""One training from end to end: collect, encode, train, judge, promote."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from assistant import durable
from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.config import Settings
from assistant.errors import BridgeError, TrainingError
from assistant.generate.llama import LlamaSession
from assistant.generate.vocabulary import Vocabulary, vocabulary
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.shred import shred
from assistant.personalise.data.examples import Example, examples
from assistant.personalise.data.features import TrainingFeatures, hear
from assistant.personalise.judging.gate import Gate, Verdict, decide
from assistant.personalise.judging.score import Replies
from assistant.personalise.training.events import (
    Collected,
    Event,
    Judged,
    Judging,
    Nothing,
    Stepped,
)
from assistant.personalise.training.heads import (
    STEPS,
    TEMPERATURE,
    AnchoredHead,
    CTCHead,
    Head,
    LettersHead,
    PooledHead,
    sampled,
    untrained,
)
from assistant.personalise.training.request import Request
from assistant.personalise.training.trainer import Material, Trained, Trainer

STATE = "training.safetensors"
"""The state of a training under way, in the folder of bridges."""

EXAMPLES = "examples_at_last_training"
"""Name under which the journal remembers how many examples the last training had."""

REJECTED = 3
"""Rejected bridges whose files stay."""

NO_LETTERS = (
    "The speech encoder has no letters to be learned, so what is taught is only kept. Set "
    "personalise.head to 'anchored' to try a bridge over its words, or encode.path to a wav2vec2."
)
"""Why nothing is trained beside Whisper unless it is wished for: with few recordings to judge by,
the gate has let a bridge over words through that was taught shuffled texts."""

KINDS = {"pooled": "bridgeformer", "ctc": "ctc", "letters": "letters", "anchored": "anchored"}
"""Which projector each head of the settings is."""


def retrain(
    settings: Settings, request: Request, tell: Callable[[Event], None], stop: threading.Event
) -> Judged | Nothing:
    """Train a bridge on what the journal holds, judge it, and promote it if it is better.

    Args:
        settings: all of them.
        request: from where to start, and how long.
        tell: hears every event, the returned one included.
        stop: asks for the training's state to be saved.

    Raises:
        Interrupted: if ``stop`` was set; the next training goes on from the saved state.
        AttuneError: if a room cannot be opened, another training is under way, or this one fails.
    """
    with alone(settings.bridges), Journal.open(settings.journal) as journal:
        found = examples(journal.turns(), settings.personalise)
        taught = sum(example.weight == 1.0 for example in found)
        try:
            outcome = _retrain(settings, request, journal, found, tell, stop)
        except TrainingError:
            shred([settings.bridges / STATE])  # what cannot go on must not stay either
            raise
        journal.remember(EXAMPLES, str(taught))
    tell(outcome)
    return outcome


def _retrain(
    settings: Settings,
    request: Request,
    journal: Journal,
    found: Sequence[Example],
    tell: Callable[[Event], None],
    stop: threading.Event,
) -> Judged | Nothing:
    wanted = settings.personalise
    steps = wanted.steps or STEPS[wanted.head]
    settings = settings.model_copy(
        update={"personalise": wanted.model_copy(update={"steps": steps})}
    )
    train = [example for example in found if not example.held_out]
    held_out = [example for example in found if example.held_out]
    tell(Collected(len(train), len(held_out)))
    if not train:
        return Nothing("There are no examples yet. 'assistant enroll' is the quickest way to some.")
    if len(held_out) < settings.personalise.tuned.min_held_out:
        return Nothing(
            f"Of {len(found)} examples {len(held_out)} are held out to judge by, and "
            f"{settings.personalise.tuned.min_held_out} are needed; some more will do."
        )
    folder = BridgeFolder(settings.bridges)
    state = settings.bridges / STATE
    with vocabulary(settings.generate.path) as language:
        heard = hear(settings, journal, found, tell)
        if settings.personalise.head == "letters" and heard.untrained is None:
            return Nothing(NO_LETTERS)
        head, start = beginning(settings, request, folder, heard, language)
        trainer = Trainer(
            head,
            Material(heard.train, heard.replay, heard.held_out),
            settings.personalise,
            state,
            _name(settings, head, found),
        )
        trained = trainer.run(
            lambda point, left: tell(Stepped(point.step, steps, point.loss, point.held_out, left)),
            stop,
            request.minutes or settings.personalise.max_minutes,
            lambda: journal.exist([example.turn for example in found]),
        )
    candidate = candidate_of(head, trained, [example.turn for example in train])
    if candidate.version == folder.current and folder.is_whole(candidate.version):
        shred([state])  # killed after its promotion, or trained anew on the same examples
        return Nothing("The bridge in use is already what this training leads to.")
    record = Lineage(journal).trained(
        candidate.version,
        settings.personalise.head,
        start,
        [example.turn for example in train],
        trained.curve,
    )
    if trained.has_learned:
        verdict = judge(settings, folder, heard, candidate, tell)
    else:
        why = "the training never lowered the held-out loss, so there was nothing to learn from it"
        verdict = Verdict(accepted=False, why=why, numbers={"held_out": len(heard.held_out)})
    Lineage(journal).judged(
        record, {"why": verdict.why, **verdict.numbers}, accepted=verdict.accepted
    )
    if verdict.accepted or not folder.is_whole(candidate.version):  # one promoted before stays so
        folder.add(replace(candidate, accepted=verdict.accepted))
    if verdict.accepted:
        folder.promote(candidate.version)
    else:
        _tidy(folder, Lineage(journal))
    shred([state])
    # whoever erases an example deletes it first and looks for its bridges then
    if not journal.exist([example.turn for example in train]):
        folder.destroy(candidate.version)
        raise TrainingError(
            "Exchanges that the new bridge was trained on have been erased meanwhile, so it was "
            "destroyed. Train anew with 'assistant retrain'."
        )
    return Judged(candidate.version, verdict.accepted, verdict.why, verdict.numbers)


@contextmanager
def alone(folder: Path) -> Generator[None, None, None]:
    """Be the only training on this folder.

    Raises:
        TrainingError: if another one is under way.
    """
    durable.folder(folder)
    handle = os.open(folder / "training.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                "A training is under way already. 'assistant status' shows how far it is."
            ) from None
        yield
    finally:
        os.close(handle)


def beginning(
    settings: Settings,
    request: Request,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    language: Vocabulary,
) -> tuple[Head, str]:
    """The head in the state that training starts from, and what that state is called."""
    wanted = settings.personalise
    tokens = set(_spoken_tokens(heard, language))
    found, start = _start(settings, request, folder, heard, language)
    if wanted.head == "letters":
        first = found or heard.untrained
        if first is None or heard.spelling is None:
            raise TrainingError(
                f"The speech encoder in {settings.encode.path} writes no letters, so there are "
                "none to be learned. Set personalise.head to 'anchored' or 'pooled'."
            )
        return LettersHead(first, heard.spelling), start
    pad = language.pad
    if found is None:
        tokens |= set(sampled(language.size, wanted.tuned.seed))
        found = untrained(wanted, heard.fingerprint, heard.dim, language, tokens, pad)
    match wanted.head:
        case "ctc":
            return CTCHead(CTCHead.widened(found, tokens), language), start
        case "anchored":
            return AnchoredHead(AnchoredHead.widened(found, tokens), language), start
        case "pooled":
            return PooledHead(found, language, pad, wanted.tuned.alpha, wanted.tuned.beta), start


def candidate_of(head: Head, trained: Trained, turns: Sequence[int]) -> Checkpoint:
    """The trained bridge; it counts as accepted once it is promoted, and only then is it kept."""
    config = head.checkpoint.config
    if config.kind == "letters":
        config = config.model_copy(update={"temperature": TEMPERATURE})
    return replace(
        head.checkpoint,
        config=config,
        weights=trained.weights,
        accepted=True,
        provenance={
            "examples": list(turns),
            "steps": trained.curve[-1].step,
            "trained_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        },
    )


def judge(
    settings: Settings,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    candidate: Checkpoint,
    tell: Callable[[Event], None],
) -> Verdict:
    """The gate's verdict on a candidate, against the bridge in use and the transcript route."""
    generate = settings.generate.model_copy(update={"threads": settings.personalise.threads})
    with LlamaSession(generate) as session:
        language = session.vocabulary

        def join(found: Checkpoint) -> Bridge:
            return Bridge(
                found,
                language,
                heard.spelling,
                weight=settings.bridge.tuned.ngram_weight,
                bonus=settings.bridge.tuned.ngram_bonus,
            )

        used = in_use(settings, folder, heard.fingerprint, language.embedding_fingerprint)
        before = None if used is None or not used[1].accepted else join(used[1])
        gate = Gate(
            language,
            Replies(session),
            settings.bridge,
            lambda done, of: tell(Judging(done, of)),
        )
        measured = gate.measure(before, join(candidate), heard.held_out, heard.canaries)
    return decide(measured, settings.personalise)


def in_use(
    settings: Settings, folder: BridgeFolder, encoder: str, table: str
) -> tuple[str, Checkpoint] | None:
    """The bridge that answers today and what it is called, if one does for this pair of models."""
    learned = folder.current
    for name, path in (
        (learned or "", None if learned is None else folder.path(learned)),
        ("base", settings.bridge.path),
    ):
        if path is None:
            continue
        try:
            found = checkpoint.read(path)
            found.require(encoder, table)
        except BridgeError:  # damaged, or of other models: the next one answers
            continue
        return name, found
    return None


def _start(
    settings: Settings,
    request: Request,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    language: Vocabulary,
) -> tuple[Checkpoint | None, str]:
    """The trained bridge to go on from, if the request wants one and it is of the right kind."""
    if request.start == "scratch":
        return None, "scratch"
    wanted = settings.personalise
    paths = [("base", settings.bridge.path)]
    if request.start == "current" and (learned := folder.current) is not None:
        paths.insert(0, (learned, folder.path(learned)))
    for name, path in paths:
        if path is None:
            continue
        try:
            found = checkpoint.read(path)
            found.require(heard.fingerprint, language.embedding_fingerprint)
        except BridgeError:
            continue
        if found.config.kind == KINDS[wanted.head]:
            return found, name
    return None, "scratch"


def _tidy(folder: BridgeFolder, lineage: Lineage) -> None:
    """Keep the files of a few rejected bridges, to be looked at, and no more."""
    rejected = [each.version for each in lineage.records() if not each.accepted]
    used = {each.version for each in lineage.records() if each.accepted}
    for version in rejected[REJECTED:]:
        if version not in used and folder.path(version).is_file():
            folder.destroy(version)


def _spoken_tokens(heard: TrainingFeatures, language: Vocabulary) -> Iterable[int]:
    """Tokens of everything said and of everything understood."""
    for pair in (*heard.train, *heard.held_out, *heard.replay, *heard.canaries):
        yield from language.tokens(pair.text)
        yield from language.tokens(pair.features.transcript.spoken)


def _name(settings: Settings, head: Head, found: Sequence[Example]) -> str:
    """Identifies a training: what it starts from, what it sees and how it goes."""
    parts = (
        head.checkpoint.version,
        settings.personalise.model_dump_json(exclude={"threads", "memory_mb", "max_minutes"}),
        [(each.turn, each.text, each.weight, each.held_out) for each in found],
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
