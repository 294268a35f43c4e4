"""Tests models before they are used, in a separate process that a bad file may crash.

``python -m assistant.model_trial`` reads settings and the models to open as JSON on standard input
and writes a line on standard output for each model.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from assistant import child
from assistant.config import Settings
from assistant.errors import AttuneError

LIMIT_S = 900.0
"""Longest trial; gigabytes may have to come from a memory card."""

Kind = Literal["encode", "generate", "speak"]
"""A model, by the section of the settings that names it."""

_CALLED = {"encode": "speech encoder", "generate": "language model", "speak": "voice"}


class Opened(BaseModel):
    """The result of opening one model."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    fingerprint: str | None = None  # of the encoder, or of the LLM's embedding table
    transcribes: bool = False  # whether it is an encoder that writes words
    trouble: str | None = None  # why it did not open, in a sentence
    peak_mb: int = 0  # most memory of the process so far


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of models that were opened in the same process."""

    opened: Mapping[Kind, Opened]

    @property
    def peak_mb(self) -> int:
        """Most memory that the process took."""
        return max((each.peak_mb for each in self.opened.values()), default=0)


def examine(settings: Settings, kinds: Sequence[Kind]) -> Trial:
    """Open these models of the settings as the daemon does, and test the LLM's embedding path."""
    order = {"settings": settings.model_dump(mode="json"), "kinds": kinds}
    found: dict[Kind, Opened] = {}
    deadline = time.monotonic() + LIMIT_S
    with closing(child.Child(child.command("assistant.model_trial"), order)) as process:
        for kind in kinds:
            if line := process.line(deadline - time.monotonic()):
                found[kind] = Opened.model_validate_json(line)
                continue
            late = f"it was not open after {LIMIT_S:.0f} s"
            why = late if line is None else f"the process that tested it {process.ending()}"
            trouble = f"The {_CALLED[kind]} cannot be used: {why}. Choose another one."
            found[kind] = Opened(kind=kind, trouble=trouble)
    return Trial(found)


def main() -> int:
    """Open the models that standard input names."""
    order, answer = child.serve()
    settings = Settings.model_validate(order["settings"])
    held: list[object] = []  # side by side, as in the daemon
    for kind in order["kinds"]:
        answer(_open(kind, settings, held).model_dump())
    return 0


def _open(kind: Kind, settings: Settings, held: list[object]) -> Opened:
    fingerprint, transcribes, trouble = None, False, None
    try:
        # imported only when needed: torch alone takes seconds and hundreds of megabytes
        match kind:
            case "encode":
                from assistant.encode.encoder import open_encoder  # noqa: PLC0415

                encoder = open_encoder(settings.encode)
                held.append(encoder)
                fingerprint = encoder.fingerprint
                transcribes = encoder.transcribes
            case "generate":
                from assistant.generate.llama import LlamaSession  # noqa: PLC0415

                session = LlamaSession(settings.generate)
                held.append(session)
                fingerprint = session.gguf.embedding_fingerprint
            case "speak":
                from assistant.speak.synthesiser import open_voice  # noqa: PLC0415

                held.append(open_voice(settings.speak, settings.models.folder))
    except AttuneError as error:
        trouble = str(error)
    return Opened(
        kind=kind,
        fingerprint=fingerprint,
        transcribes=transcribes,
        trouble=trouble,
        peak_mb=int(child.peak_mb()),
    )


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
