"""What Attune costs with the models that people use: the time of every stage, and memory.

Makes models of the exact shapes with random weights (4 GB, kept in the folder), answers
utterances of five seconds on each in the daemon's own runtime, and trains on a hundred of them.
Every part is a process of its own. MB are millions of bytes.

    python -m bench.fullsize
    python -m bench.fullsize --parts turns --models Llama-3.2-1B
    python -m bench.fullsize --scale toy --out build/toysize      # to see that it runs
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant import child
from assistant.config import load
from bench.sizes import language, learning, speech
from bench.sizes.language import LLAMA, SHAPES, Shape
from bench.sizes.turns import STAGES

PARTS = ("encoder", "turns", "trainer")
EXECUTIONS = ("float", "int8")
HEADS = ("letters", "ctc")
REPLY_TOKENS = 20

ROOM_GB = 5.0
"""Disk that the models take, and some more."""

ENCODER_MB = 458.0
"""The paper's peak for the extraction of features."""

QUANTISED_MB = 250.0
DAEMON_MB = 2_200.0
TRAINER_MB = 1_000.0
"""Of the training. When it is over, the gate loads a language model to hear its replies."""

Flags = dict[str, Any]
Row = dict[str, Any]

TOY_TRAINING = {"personalise.replay": 8, "personalise.canaries": 4}


@dataclass(frozen=True, slots=True)
class Models:
    """Where the models lie."""

    encoder: Path
    llms: dict[str, Path]  # by the name of their shape


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit, and what was measured."""

    what: str
    mb: float
    limit_mb: float

    @property
    def met(self) -> bool:
        """Whether the limit was kept."""
        return self.mb <= self.limit_mb


def make(out: Path, shapes: Sequence[Shape], *, toy: bool) -> Models:
    """Write the models that are not there yet.

    Raises:
        SystemExit: if the disk has no room for them.
    """
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free / 1e9
    if not toy and free < ROOM_GB and not all((out / f"{s.name}.gguf").exists() for s in shapes):
        sys.exit(f"{out} has {free:.1f} GB left and {ROOM_GB} are needed; choose another --out.")
    encoder = speech.write_encoder(out / "encoder", speech.TOY if toy else {})
    llms = {
        shape.name: language.write(out / f"{shape.name}.gguf", shape.toy() if toy else shape)
        for shape in shapes
    }
    return Models(encoder, llms)


def told(module: str, **job: Any) -> dict[str, Any]:
    """What a part of the bench tells, in a process of its own.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    done = subprocess.run(
        child.command(module)
        if module.startswith("assistant.")
        else [sys.executable, "-m", module],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def encoders(flags: Flags, executions: Iterable[str], rounds: int) -> Iterator[Row]:
    """Memory and time of the encoder alone, by its execution."""
    print(f"{'encoder':<18}{'ms':>10}{'MB':>10}{'libraries':>12}{'anonymous':>12}")
    for execution in executions:
        asked = {**flags, "encode.execution": execution}
        if execution == "onnx-int8":
            usual = load({**flags, "encode.execution": "float"}, environ={}, files=()).settings
            order = usual.encode.model_dump(mode="json")
            told("assistant.encode", settings=order, task="export")
        row = {
            "execution": execution,
            **told("bench.sizes.encoding", flags=asked, rounds=rounds),
        }
        print(
            f"{execution:<18}{row['encode_ms']:>10.0f}{row['peak_mb']:>10.0f}"
            f"{row['libraries_mb']:>12.0f}{row['anonymous_mb']:>12.0f}",
            flush=True,
        )
        yield row


def turns(flags: Flags, llms: dict[str, Path], rounds: int) -> Iterator[Row]:
    """Medians of every stage, speed and memory, by language model and route."""
    print(f"\n{'turn, ms':<30}" + "".join(f"{name:>13}" for name in STAGES) + f"{'tokens/s':>10}")
    for name, path in llms.items():
        job = {"flags": {**flags, "generate.path": str(path)}, "rounds": rounds}
        row = {"model": name, **told("bench.sizes.turns", **job)}
        for route, medians in row["median_ms"].items():
            cells = "".join(
                f"{medians[stage]:>13.0f}" if stage in medians else f"{'-':>13}" for stage in STAGES
            )
            print(f"{name + ', ' + route:<30}{cells}{row['tokens_per_s']:>10.1f}", flush=True)
        yield row


def trainings(flags: Flags, llm: Path, examples: int) -> Iterator[Row]:
    """Memory of the trainer, by the kind of bridge."""
    print(f"\n{'trainer, MB':<18}{'training':>10}{'anonymous':>12}{'judging':>10}{'anonymous':>12}")
    for head in HEADS:
        asked = {**flags, "generate.path": str(llm), "personalise.head": head}
        row = {"head": head, **learning.measure(asked, examples)}
        print(
            f"{head:<18}{row['training_mb']:>10.0f}{row['training_anonymous_mb']:>12.0f}"
            f"{row['judging_mb']:>10.0f}{row['judging_anonymous_mb']:>12.0f}",
            flush=True,
        )
        yield row


def budgets(report: dict[str, list[Row]]) -> Iterator[Budget]:
    """What was to be kept to, as far as it was measured."""
    for row in report.get("encoder", ()):
        limit = ENCODER_MB if row["execution"] == "float" else QUANTISED_MB
        yield Budget(f"encoder, {row['execution']}", row["peak_mb"], limit)
    for row in report.get("turns", ()):
        if row["model"] == LLAMA.name:
            yield Budget(f"daemon, {LLAMA.name}", row["peak_mb"], DAEMON_MB)
    for row in report.get("trainer", ()):
        yield Budget(f"trainer, {row['head']}", row["training_mb"], TRAINER_MB)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/fullsize"))
    parser.add_argument("--scale", choices=("full", "toy"), default="full")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    names = [shape.name for shape in SHAPES]
    parser.add_argument("--models", nargs="*", choices=names, default=names)
    parser.add_argument(
        "--executions", nargs="+", default=EXECUTIONS, help="of the encoder; the first one in turns"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--steps", type=int, default=30, help="of each training")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    arguments = parser.parse_args()
    toy = arguments.scale == "toy"
    shapes = [shape for shape in SHAPES if shape.name in arguments.models]
    models = make(arguments.out, shapes, toy=toy)
    flags: Flags = {
        "encode.path": str(models.encoder),
        "encode.cache": str(arguments.out / "cache"),
        "encode.execution": arguments.executions[0],
        "encode.threads": arguments.threads,
        "generate.threads": arguments.threads,
        "generate.max_tokens": REPLY_TOKENS,
        "personalise.steps": arguments.steps,
        **(TOY_TRAINING if toy else {}),
    }
    report: dict[str, list[Row]] = {}
    if "encoder" in arguments.parts:
        report["encoder"] = list(encoders(flags, arguments.executions, arguments.rounds))
    if "turns" in arguments.parts:
        report["turns"] = list(turns(flags, models.llms, arguments.rounds))
    if "trainer" in arguments.parts:
        llm = models.llms.get(LLAMA.name) or next(iter(models.llms.values()))
        report["trainer"] = list(trainings(flags, llm, arguments.examples))
    kept = list(budgets(report))
    print(f"\n{'budget':<36}{'MB':>8}{'limit':>8}")
    for each in kept:
        verdict = "kept" if each.met else "MISSED"
        print(f"{each.what:<36}{each.mb:>8.0f}{each.limit_mb:>8.0f}  {verdict}")
    told = [{**asdict(each), "met": each.met} for each in kept]
    print(json.dumps({"bench": "fullsize", "scale": arguments.scale, **report, "budgets": told}))


if __name__ == "__main__":
    main()
