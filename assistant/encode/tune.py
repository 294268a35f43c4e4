"""Finds the best way to run a speech encoder here, measuring each in a process of its own."""

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
"""Least mean cosine to the float frames at which a bridge reads them the same."""

SAME_WORDS = 0.95
"""Share of the float transcripts' words that must be in the transcripts."""

NEARLY = 1.1
"""Up to this many times the shortest time counts as equally fast."""

PROGRAM = child.command("assistant.encode")
"""This package as a process."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one way."""

    execution: Execution
    milliseconds: float  # median, for 5 s of speech
    peak_mb: float  # memory of its process at its highest
    cosine: float  # of its frames to those of float, mean
    words: float | None  # share of float's words that it also writes; None: it writes no words


@dataclass(frozen=True, slots=True)
class Untried:
    """A way that does not work on this machine."""

    execution: Execution
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """The measurements of the process that tried one way."""

    milliseconds: float
    peak_mb: float
    fingerprint: str
    transcripts: list[str]  # one per recording
    frames: dict[str, NDArray[np.float32]]  # (n_frames, dim) by recording


class Tuning:
    """Measures the ways of running one encoder on this machine.

    Args:
        settings: name the encoder, its threads and its cache.
        recordings: for the test, each mono 16 kHz in [-1, 1], shape (n_samples,).
        program: the command that measures one way.
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
        """Measure each way, float first; ``EncoderError`` if float fails."""
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
        """Choose the best and save it for this encoder; ``EncoderError`` if that fails."""
        best = choose(self._measured)
        tuning_record.remember(self._settings.cache, self._fingerprint, best.execution)
        return best

    def _heard(self, execution: Execution, sounds: Path) -> TrialResult:
        frames = sounds.with_name(f"{execution}.safetensors")
        order = {"task": "measure", "sounds": str(sounds), "frames": str(frames)}
        return TrialResult(**self._ask(execution, order), frames=load_file(frames))

    def _ask(self, execution: Execution, order: dict[str, str]) -> dict[str, Any]:
        """The answer of a process that runs the encoder one way; ``EncoderError`` if it fails."""
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
                raise EncoderError(f"The measurement of {execution} failed: {why}.")
        answer: dict[str, Any] = json.loads(line)
        if "failure" in answer:
            raise EncoderError(answer["failure"])
        return answer


def compared(execution: Execution, heard: TrialResult, usual: TrialResult) -> Measured:
    """The measurements of one way, compared with float, the usual one."""
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
    """The one that uses least memory among those as accurate as float and nearly the fastest."""
    alike = [
        each
        for each in measured
        if each.execution == "float"
        or (each.cosine >= ALIKE and (each.words is None or each.words >= SAME_WORDS))
    ]
    fastest = min(each.milliseconds for each in alike)
    near = [each for each in alike if each.milliseconds <= fastest * NEARLY]
    return min(near, key=lambda each: each.peak_mb)
