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
from assistant.journal.lineage import CurvePoint
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
    candidates,
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
from assistant.personalise.training.request import EXAMPLES, Request
from assistant.personalise.training.trainer import Material, Trainer

STATE = training_files.RETRAINING
"""The saved state of a training, in the folder of bridges."""

SAMPLED = 512
"""Number of random candidate tokens that nobody has said yet."""


def retrain(
    settings: Settings, request: Request, on_event: Callable[[Event], None], stop: threading.Event
) -> Judged | Nothing:
    """Train a bridge on what the journal holds, judge it, and promote it if it is better.

    Args:
        settings: all of them.
        request: the start and the time limit.
        on_event: called with every event, including the returned one.
        stop: asks for the training's state to be saved.

    Raises:
        Interrupted: if ``stop`` was set; the next training resumes from the saved state.
        AttuneError: if a model or folder cannot be opened, another training is running, or this
            one fails.
    """
    with alone(settings.bridges), Journal.open(settings.journal) as journal:
        found = examples(journal.turns(), settings.personalise)
        taught = sum(example.weight == 1.0 for example in found)
        try:
            outcome = _retrain(settings, request, journal, found, on_event, stop)
        except TrainingError:
            shred([settings.bridges / STATE])  # it cannot be resumed
            raise
        shred([settings.bridges / STATE])
        journal.remember(EXAMPLES, str(taught))
    on_event(outcome)
    return outcome


def _retrain(
    settings: Settings,
    request: Request,
    journal: Journal,
    found: Sequence[Example],
    on_event: Callable[[Event], None],
    stop: threading.Event,
) -> Judged | Nothing:
    wanted = settings.personalise
    train = [example for example in found if not example.held_out]
    held_out = [example for example in found if example.held_out]
    on_event(Collected(len(train), len(held_out)))
    if not train:
        return Nothing(
            "There are no examples yet. The quickest way to add some is 'assistant enroll'."
        )
    if len(held_out) < wanted.tuned.min_held_out:
        return Nothing(
            f"Of {len(found)} examples {len(held_out)} are kept as a test, but "
            f"{wanted.tuned.min_held_out} are needed; add some more examples."
        )
    folder = BridgeFolder(settings.bridges)
    with vocabulary(settings.generate.path) as language:
        heard = hear(settings, journal, found, lambda done, of: on_event(Encoded(done, of)))
        name = kinds.fitting(wanted.head, heard.source)
        kind = kinds.named(name)
        if (why := kind.obstacle(heard.source)) is not None:
            return Nothing(why)
        steps = wanted.steps or kind.retrain_steps
        wanted = wanted.model_copy(update={"head": name, "steps": steps})
        settings = settings.model_copy(update={"personalise": wanted})
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
            stepping(steps, on_event),
            stop,
            request.minutes or wanted.max_minutes,
            lambda: journal.exist([example.turn for example in found]),
        )
    turns = [example.turn for example in train]
    begun_with = head.checkpoint
    del head, trainer  # a recogniser's network takes hundreds of megabytes, which judging needs
    record = Record(wanted.head, start, turns, trained.curve)
    outcome: Judged | Nothing = Nothing("")
    for candidate in candidates(begun_with, trained, examples=turns):
        verdicts: list[Verdict] = []

        def judged(candidate: Checkpoint = candidate, told: list[Verdict] = verdicts) -> Verdict:
            told.append(verdict_on(settings, heard, trained, candidate, on_event))
            return told[0]

        outcome = conclude(folder, journal, candidate, record, judged)
        if not (verdicts and verdicts[0].harms_others):
            break
    return outcome


def stepping(steps: int, on_event: Callable[[Event], None]) -> Callable[[CurvePoint, float], None]:
    """Reports a trainer's progress as events."""
    return lambda point, left: on_event(
        Stepped(point.step, steps, point.loss, point.held_out, left)
    )


@contextmanager
def alone(folder: Path) -> Generator[None, None, None]:
    """Hold the folder's lock for trainings; ``TrainingError`` if another one is running."""
    durable.folder(folder)
    busy = TrainingError("A training is already running; 'assistant status' shows its progress.")
    with durable.locked(folder / "training.lock", busy):
        yield


def beginning(
    settings: Settings,
    request: Request,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    language: Tokens,
) -> tuple[Head, str]:
    """The head at the start of the training, and that start's name.

    Raises:
        TrainingError: if the encoder does not provide what the requested kind learns from.
    """
    wanted = settings.personalise
    kind = kinds.named(wanted.head)
    context = TrainingContext(wanted, heard.source, language)
    tokens = set(_spoken_tokens(heard, language, read=not kind.learns_from_sound))
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
    """The trained bridge to start from, if the request allows one and its kind matches."""
    if request.start == "scratch":
        return None, "scratch"
    learned = folder if request.start == "current" else None
    network = REGISTRY[settings.personalise.head].networks[0]
    for name, found in usable(settings, learned, heard.source, language):
        if found.config.kind == network:
            return found, name
    return None, "scratch"


def _spoken_tokens(heard: TrainingFeatures, language: Language, *, read: bool) -> Iterable[int]:
    """Tokens of all texts and, if they are to be ``read``, of all transcripts."""
    for pair in (*heard.train, *heard.held_out, *heard.replay, *heard.canaries):
        yield from language.tokens(pair.text)
        if read:
            yield from language.tokens(pair.features.transcript.spoken)


def _sampled(language_size: int, number: int) -> list[int]:
    """Random tokens, so that candidates are not limited to what was heard."""
    rng = random.Random(number)  # noqa: S311 - reproducible, not secret
    return rng.sample(range(language_size), min(SAMPLED, language_size))
