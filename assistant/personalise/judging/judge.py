"""A candidate before the gate, beside the bridge that answers today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

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
from assistant.personalise.judging.score import Replies


def judge(
    settings: Settings,
    folder: BridgeFolder,
    heard: TrainingFeatures,
    candidate: Checkpoint,
    told: Callable[[int, int], None],
) -> Verdict:
    """The gate's verdict on a candidate, against the bridge in use and the transcript route.

    Args:
        settings: all of them.
        folder: of the learned bridges.
        heard: what it is judged by.
        candidate: the bridge.
        told: called with how many replies there are, and of how many.

    Raises:
        AttuneError: if the language model or the candidate cannot be used.
    """
    generate = settings.generate.model_copy(update={"threads": settings.personalise.threads})
    with LlamaSession(generate) as session:
        language, spelling = session.vocabulary, heard.source.spelling
        paths = [("base", settings.bridge.path)]
        if (learned := folder.current) is not None:
            paths.insert(0, (learned, folder.path(learned)))
        _, used = next(usable(paths, heard.source, language), ("", None))
        before = None
        if used is not None and used.accepted:
            before = Bridge(used, language, spelling, settings.bridge)
        after = Bridge(candidate, language, spelling, settings.bridge)
        gate = Gate(language, Replies(session), settings.bridge, told)
        measured = gate.measure(before, after, heard.held_out, heard.canaries)
    return decide(measured, settings.personalise)


def usable(
    paths: Iterable[tuple[str, Path | None]], source: Source, language: Language
) -> Iterator[tuple[str, Checkpoint]]:
    """Those of some bridges that can be read and belong to this pair of models, with their names.

    Args:
        paths: name and file of each, if it has one.
        source: the encoder.
        language: the LLM.
    """
    for name, path in paths:
        if path is None:
            continue
        try:
            found = checkpoint.read(path)
            found.require(source.fingerprint, language.embedding_fingerprint)
        except BridgeError:  # damaged, or of other models: the next one will do
            continue
        yield name, found
