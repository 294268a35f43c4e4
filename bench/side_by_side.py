"""Attune against what a user would pick instead: from the end of speech to the first token.

On one machine, on one language model's file and in one run, by turns: Attune's own turn; and
faster-whisper (base, int8) followed by llama-cpp-python's chat completion, with the same
instruction, context line and words. llama-cpp-python keeps by itself what a prompt has in common
with the one before it; in the last row it has to decode the whole prompt. Attune decodes the
context line while somebody speaks. The models have random weights and the true shapes, as in
``bench/fullsize.py``.

    python -m pip install faster-whisper
    python -m bench.side_by_side
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.fullsize import REPLY_TOKENS, make
from bench.sizes import whisper
from bench.sizes.language import LLAMA, SHAPES

AIM = 0.5
"""Largest ratio of the times to the first token."""

STAGES = ("hear", "answer", "first_token")
ROWS = ("Attune", "faster-whisper + chat", "the same, whole prompt")


@contextmanager
def side(name: str, flags: dict[str, Any]) -> Generator[subprocess.Popen[str]]:
    """One side, waiting for turns."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.sizes.sides", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _write(process, flags)
        yield process


def ask(process: subprocess.Popen[str], asked: dict[str, Any]) -> dict[str, float]:
    """One line to a side, and its answer.

    Raises:
        SystemExit: if the side has ended; it has said why.
    """
    _write(process, asked)
    answer = process.stdout.readline() if process.stdout else ""
    if not answer:
        sys.exit(process.wait() or 1)
    return json.loads(answer)


def _write(process: subprocess.Popen[str], asked: dict[str, Any]) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/fullsize"))
    parser.add_argument("--scale", choices=("full", "toy"), default="full")
    names = [shape.name for shape in SHAPES]
    parser.add_argument("--model", choices=names, default=LLAMA.name)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--execution", default="int8", help="of Attune's encoder, or float")
    arguments = parser.parse_args()
    toy = arguments.scale == "toy"
    threads = arguments.threads or len(os.sched_getaffinity(0))
    models = make(arguments.out, [s for s in SHAPES if s.name == arguments.model], toy=toy)
    other = whisper.write(arguments.out / "whisper", whisper.TOY if toy else whisper.BASE)
    generate = {
        "path": str(models.llms[arguments.model]),
        "threads": threads,
        "max_tokens": REPLY_TOKENS,
    }
    flags = {f"generate.{name}": value for name, value in generate.items()}
    flags |= {
        "encode.path": str(models.encoder),
        "encode.threads": threads,
        "encode.execution": arguments.execution,
    }
    answers: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    with ExitStack() as owned:
        attune = owned.enter_context(side("attune", flags))
        usual = owned.enter_context(side("usual", {"generate": generate, "whisper": str(other)}))
        for number in range(-1, arguments.turns):  # the first of each warms up
            found = (
                ask(attune, {"number": number}),
                ask(usual, {"number": number}),
                ask(usual, {"number": number, "anew": True}),
            )
            if number >= 0:
                for row, answer in zip(ROWS, found, strict=True):
                    answers[row].append(answer)
    medians = {
        row: {stage: round(statistics.median(each[stage] for each in found), 1) for stage in STAGES}
        for row, found in answers.items()
    }
    first = [medians[row]["first_token"] for row in ROWS]
    print(f"{'median ms':<26}" + "".join(f"{stage:>13}" for stage in STAGES) + f"{'peak MB':>10}")
    for row, stages in medians.items():
        cells = "".join(f"{stages[stage]:>13.0f}" for stage in STAGES)
        print(f"{row:<26}{cells}{answers[row][-1]['peak_mb']:>10.0f}")
    print(
        f"ratio: {first[0] / first[1]:.2f} (aim: at most {AIM}); "
        f"to the whole prompt: {first[0] / first[2]:.2f}"
    )
    print(
        json.dumps(
            {
                "bench": "side_by_side",
                "scale": arguments.scale,
                "model": arguments.model,
                "turns": arguments.turns,
                "threads": threads,
                "execution": arguments.execution,
                "median_ms": medians,
                "ratio": round(first[0] / first[1], 3),
                "ratio_whole_prompt": round(first[0] / first[2], 3),
                "aim": AIM,
                "met": first[0] / first[1] <= AIM,
            }
        )
    )


if __name__ == "__main__":
    main()
