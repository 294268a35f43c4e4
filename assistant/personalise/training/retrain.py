"""One training from end to end: collect, encode, train, judge, promote."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant import durable
from assistant.bridge import kinds
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.kinds.kind import Head, TrainingContext
from assistant.bridge.language import Language, Tokens
from assistant.config import Settings
from assistant.errors import TrainingError
from assistant.generate.vocabulary import vocabulary
from assistant.journal.store import Journal
from assistant.kinds import REGISTRY
from assistant.personalise.bridges import training_files
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.shred import shred
from assistant.personalise.data.examples import Example, examples
from assistant.personalise.data.features import TrainingFeatures, hear
from assistant.personalise.judging.gate import Verdict
from assistant.personalise.judging.judge import usable
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
    Stepped,
)
from assistant.personalise.training.request import Request
from assistant.personalise.training.trainer import Material, Trainer

STATE = training_files.RETRAINING
"""The state of a training under way, in the folder of bridges."""

SAMPLED = 512
"""Tokens that nobody has said yet among the candidates, drawn at random."""

EXAMPLES = "examples_at_last_training"
"""Name under which the journal remembers how many examples the last training had."""


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
        shred([settings.bridges / STATE])
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
    kind = kinds.named(settings.personalise.head)
    steps = settings.personalise.steps or kind.retrain_steps
    wanted = settings.personalise.model_copy(update={"steps": steps})
    settings = settings.model_copy(update={"personalise": wanted})
    train = [example for example in found if not example.held_out]
    held_out = [example for example in found if example.held_out]
    tell(Collected(len(train), len(held_out)))
    if not train:
        return Nothing("There are no examples yet. 'assistant enroll' is the quickest way to some.")
    if len(held_out) < wanted.tuned.min_held_out:
        return Nothing(
            f"Of {len(found)} examples {len(held_out)} are held out to judge by, and "
            f"{wanted.tuned.min_held_out} are needed; some more will do."
        )
    folder = BridgeFolder(settings.bridges)
    with vocabulary(settings.generate.path) as language:
        heard = hear(settings, journal, found, lambda done, of: tell(Encoded(done, of)))
        if (why := kind.obstacle(heard.source)) is not None:
            return Nothing(why)
        head, start = beginning(settings, request, folder, heard, language)
        seen = [(each.turn, each.text, each.weight, each.held_out) for each in found]
        trainer = Trainer(
            head,
            Material(heard.train, heard.replay, heard.held_out),
            wanted,
            settings.bridges / STATE,
            name_of(settings, head, seen),
        )
        trained = trainer.run(
            lambda point, left: tell(Stepped(point.step, steps, point.loss, point.held_out, left)),
            stop,
            request.minutes or wanted.max_minutes,
            lambda: journal.exist([example.turn for example in found]),
        )
    turns = [example.turn for example in train]
    candidate = candidate_of(head, trained, examples=turns)
    record = Record(wanted.head, start, turns, trained.curve)

    def judged() -> Verdict:
        return verdict_on(settings, heard, trained, candidate, tell)

    return conclude(folder, journal, candidate, record, judged)


@contextmanager
def alone(folder: Path) -> Generator[None, None, None]:
    """Be the only training on this folder.

    Raises:
        TrainingError: if another one is under way.
    """
    durable.folder(folder)
    busy = TrainingError("A training is under way already. 'assistant status' shows how far it is.")
    with durable.locked(folder / "training.lock", busy):
        yield


def beginning(
    settings: Settings,
    request: Request,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    language: Tokens,
) -> tuple[Head, str]:
    """The head in the state that training starts from, and what that state is called.

    Raises:
        TrainingError: if the encoder does not give what the wished-for kind learns.
    """
    wanted = settings.personalise
    kind = kinds.named(wanted.head)
    context = TrainingContext(wanted, heard.source, language)
    tokens = set(_spoken_tokens(heard, language))
    found, start = _start(settings, request, folder, heard, language)
    if found is None:
        found = kind.untrained(context, tokens | set(_sampled(language.size, wanted.tuned.seed)))
    return kind.head(kind.widened(found, tokens), context), start


def _start(
    settings: Settings,
    request: Request,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    language: Language,
) -> tuple[Checkpoint | None, str]:
    """The trained bridge to go on from, if the request wants one and it is of the right kind."""
    if request.start == "scratch":
        return None, "scratch"
    paths = [("base", settings.bridge.path)]
    if request.start == "current" and (learned := folder.current) is not None:
        paths.insert(0, (learned, folder.path(learned)))
    network = REGISTRY[settings.personalise.head].networks[0]
    for name, found in usable(paths, heard.source, language):
        if found.config.kind == network:
            return found, name
    return None, "scratch"


def _spoken_tokens(heard: TrainingFeatures, language: Language) -> Iterable[int]:
    """Tokens of everything said and of everything understood."""
    for pair in (*heard.train, *heard.held_out, *heard.replay, *heard.canaries):
        yield from language.tokens(pair.text)
        yield from language.tokens(pair.features.transcript.spoken)


def _sampled(language_size: int, number: int) -> list[int]:
    """Tokens that nobody has said yet, so that the candidates are not only what was heard."""
    rng = random.Random(number)  # noqa: S311 - reproducible, not secret
    return rng.sample(range(language_size), min(SAMPLED, language_size))
