"""Judging a candidate against the bridge in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.bridge.connect import Bridge
from assistant.bridge.kinds.kind import Source
from assistant.bridge.language import Language
from assistant.config import Settings
from assistant.errors import BridgeError
from assistant.generate.llama import LlamaSession
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.features import TrainingFeatures
from assistant.personalise.judging.gate import Gate, Verdict, decide
from assistant.personalise.judging.hearing import Hearing
from assistant.personalise.judging.score import Replies


def judge(
    settings: Settings,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    candidate: Checkpoint,
    on_progress: Callable[[int, int], None],
) -> Verdict:
    """The gate's verdict on a candidate, against the bridge in use and the transcript route.

    ``on_progress`` is called with the number of replies and the total.

    Raises:
        AttuneError: if the language model or the candidate cannot be used.
    """
    generate = settings.generate.model_copy(update={"threads": settings.personalise.threads})
    with LlamaSession(generate) as session:
        language, spelling = session.vocabulary, heard.source.spelling
        _, used = next(usable(settings, folder, heard.source, language), ("", None))
        before = None
        if used is not None and used.accepted:
            before = Bridge(used, language, spelling, settings.bridge)
        after = Bridge(candidate, language, spelling, settings.bridge)
        hearing = Hearing(settings.encode.model_copy(update={"threads": generate.threads}))
        gate = Gate(language, Replies(session), settings.bridge, on_progress, hearing)
        measured = gate.measure(before, after, heard.held_out, heard.canaries)
    return decide(measured, settings.personalise)


def usable(
    settings: Settings, folder: BridgeFolder | None, source: Source, language: Language
) -> Iterator[tuple[str, Checkpoint]]:
    """The folder's bridge in use and the base bridge, with their names.

    Bridges that cannot be read or are for another pair of models are left out.
    """
    paths = [("base", settings.bridge.path)]
    if folder is not None and (learned := folder.current) is not None:
        paths.insert(0, (learned, folder.path(learned)))
    for name, path in paths:
        if path is None:
            continue
        try:
            found = checkpoint.read(path)
            found.require(source.fingerprint, language.embedding_fingerprint)
        except BridgeError:  # damaged, or for other models: try the next one
            continue
        yield name, found
