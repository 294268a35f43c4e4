"""Measures how this machine computes a speech encoder best, each way in a process of its own."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from assistant import child
from assistant.config import EncodeSettings
from assistant.encode import tuning_record
from assistant.encode.tuning_record import EXECUTIONS, Execution
from assistant.errors import EncoderError

ALIKE = 0.97
"""Mean cosine to the frames of float from which on a bridge reads them the same."""

SAME_WORDS = 0.95
"""Share of the words of float that must be in the transcripts."""

NEARLY = 1.1
"""Up to so many times the shortest time counts as just as fast."""

PROGRAM = child.command("assistant.encode")
"""This room as a process."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How one way did."""

    execution: Execution
    milliseconds: float  # median, for 5 s of speech
    peak_mb: float  # memory of its process at its highest
    cosine: float  # of its frames to those of float, mean
    words: float | None  # share of float's words that it writes, too; none: it writes none


@dataclass(frozen=True, slots=True)
class Untried:
    """A way that this machine does not have."""

    execution: Execution
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """What the process of one way has measured."""

    milliseconds: float
    peak_mb: float
    fingerprint: str
    transcripts: list[str]  # one per recording
    frames: dict[str, NDArray[np.float32]]  # (n_frames, dim) by recording


class Tuning:
    """The ways of one encoder on this machine.

    Args:
        settings: name the encoder, its threads and its cache.
        recordings: what it hears, each mono 16 kHz in [-1, 1], shape (n_samples,).
        program: what measures one way, as the arguments of a process.
    """

    def __init__(
        self,
        settings: EncodeSettings,
        recordings: Sequence[NDArray[np.float32]],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._settings = settings
        self._program = program
        self._recordings = recordings
        self._measured: list[Measured] = []
        self._fingerprint = ""

    def run(self) -> Iterator[Measured | Untried]:
        """Measure one way after the other, float first.

        Raises:
            EncoderError: if the encoder cannot be computed in float.
        """
        with TemporaryDirectory() as folder:
            sounds = Path(folder) / "sounds.safetensors"
            save_file({f"{at:04}": each for at, each in enumerate(self._recordings)}, sounds)
            usual = self._heard("float", sounds)
            self._fingerprint = usual.fingerprint
            for execution in EXECUTIONS:
                try:
                    if execution == "onnx-int8":
                        self._ask("float", {"task": "export"})
                    heard = usual if execution == "float" else self._heard(execution, sounds)
                except EncoderError as error:
                    yield Untried(execution, str(error))
                    continue
                found = compared(execution, heard, usual)
                self._measured.append(found)
                yield found

    def keep(self) -> Measured:
        """Choose among what was measured, and remember it for this encoder.

        Raises:
            EncoderError: if it cannot be written.
        """
        best = choose(self._measured)
        tuning_record.remember(self._settings.cache, self._fingerprint, best.execution)
        return best

    def _heard(self, execution: Execution, sounds: Path) -> TrialResult:
        frames = sounds.with_name(f"{execution}.safetensors")
        order = {"task": "measure", "sounds": str(sounds), "frames": str(frames)}
        return TrialResult(**self._ask(execution, order), frames=load_file(frames))

    def _ask(self, execution: Execution, order: dict[str, str]) -> dict[str, Any]:
        """The answer of a process that computes the encoder in one way.

        Raises:
            EncoderError: if it cannot.
        """
        settings = self._settings.model_copy(update={"execution": execution})
        whole = {**order, "settings": settings.model_dump(mode="json")}
        with (
            TemporaryFile() as errors,
            closing(child.Child(self._program, whole, errors=errors)) as process,
        ):
            if not (line := process.line()):
                ending = f"it {process.ending()}"
                errors.seek(0)
                *_, why = ending, *errors.read().decode(errors="replace").strip().splitlines()
                raise EncoderError(f"The measurement of {execution} broke off: {why}.")
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise EncoderError(answer["failure"])
        return answer


def compared(execution: Execution, heard: TrialResult, usual: TrialResult) -> Measured:
    """What one way heard, beside what float did, the usual one."""
    cosines = [
        np.sum(ours * theirs, 1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        for ours, theirs in ((heard.frames[at], usual.frames[at]) for at in heard.frames)
    ]
    ours, theirs = " ".join(heard.transcripts).split(), " ".join(usual.transcripts).split()
    same = difflib.SequenceMatcher(None, theirs, ours, autojunk=False).get_matching_blocks()
    return Measured(
        execution,
        heard.milliseconds,
        heard.peak_mb,
        float(np.mean(np.concatenate(cosines))),
        sum(block.size for block in same) / len(theirs) if theirs else None,
    )


def choose(measured: Sequence[Measured]) -> Measured:
    """The leanest of those that hear what float hears and are about as fast as the fastest.

    Args:
        measured: at least float.
    """
    alike = [
        each
        for each in measured
        if each.execution == "float"
        or (each.cosine >= ALIKE and (each.words is None or each.words >= SAME_WORDS))
    ]
    fastest = min(each.milliseconds for each in alike)
    near = [each for each in alike if each.milliseconds <= fastest * NEARLY]
    return min(near, key=lambda each: each.peak_mb)
