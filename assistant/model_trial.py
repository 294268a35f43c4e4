"""Tries models before they are used: in a process of its own, which a bad file may take down.

``python -m assistant.model_trial`` reads the settings of what is to be opened as JSON on standard
input and tells on standard output, line by line, what it opens and what came of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant import child
from assistant.config import Settings
from assistant.errors import AttuneError

LIMIT_S = 900.0
"""Longest trial; gigabytes may have to come from a memory card."""

Kind = Literal["encode", "generate", "speak"]
"""A model, as the block of the settings that names it."""

_CALLED: Mapping[Kind, str] = {
    "encode": "speech encoder",
    "generate": "language model",
    "speak": "voice",
}


class Opened(BaseModel):
    """What came of the opening of one model."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    fingerprint: str | None = None  # of the encoder, or of the LLM's embedding table
    transcribes: bool = False  # whether it is an encoder that writes what it hears
    trouble: str | None = None  # why it did not open, in a sentence
    peak_mb: int = 0  # most memory of the process so far


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of models that were opened side by side."""

    opened: Mapping[Kind, Opened]

    @property
    def peak_mb(self) -> int:
        """Most memory that the process took."""
        return max((each.peak_mb for each in self.opened.values()), default=0)


def examine(settings: Settings, kinds: Sequence[Kind]) -> Trial:
    """Open models as the daemon does, an LLM with its embedding path proven.

    Args:
        settings: those that name the models.
        kinds: which of them to open.
    """
    order = {"settings": settings.model_dump(mode="json"), "kinds": kinds}
    try:
        done = subprocess.run(
            child.command("assistant.model_trial"),
            input=json.dumps(order).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        )
        output, ended = done.stdout, _ending(done.returncode)
    except subprocess.TimeoutExpired as late:
        output, ended = late.stdout or b"", f"it was not open after {LIMIT_S:.0f} s"
    found: dict[Kind, Opened] = {opened.kind: opened for opened in _opened(output)}
    for kind in kinds:
        if kind not in found:  # the process ended over it, or before it came to it
            trouble = f"The {_CALLED[kind]} cannot be used: {ended}. Choose another one."
            found[kind] = Opened(kind=kind, trouble=trouble)
    return Trial(found)


def _opened(output: bytes) -> Iterator[Opened]:
    for line in output.splitlines():
        with suppress(ValidationError):  # cut off where the process ended
            yield Opened.model_validate_json(line)


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "the process that tried it was killed, most likely because memory ran out"
    if status < 0:
        return f"it crashed the process that tried it ({signal.Signals(-status).name})"
    return f"the process that tried it ended with status {status}"


def main() -> int:
    """Open what standard input names."""
    with suppress(OSError):  # where memory is short, this process goes, and not the daemon
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    answers = os.dup(1)
    os.dup2(2, 1)  # libraries print what they like
    order = json.load(sys.stdin)
    settings = Settings.model_validate(order["settings"])
    held: list[object] = []  # side by side, as in the daemon
    for kind in order["kinds"]:
        opened = _open(kind, settings, held)
        os.write(answers, opened.model_dump_json().encode() + b"\n")
    return 0


def _open(kind: Kind, settings: Settings, held: list[object]) -> Opened:
    fingerprint, transcribes, trouble = None, False, None
    try:
        # each without what the others need: torch alone takes seconds and hundreds of megabytes
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
        peak_mb=_peak_mb(),
    )


def _peak_mb() -> int:
    """Most memory of this process; getrusage would count the parent's before the exec, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) >> 10 if found else 0


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
