"""Which cells there are, and running them: one process each, a few at once, gone on with later."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from bench.paper.cells import HEADS, Cell, Place

BASELINES = ("a1", "a2-lora", "a2-full", "a3")

METHODS = ("cascade", "ours", *HEADS, "mlp", "linear", *BASELINES)
"""Every row of the table."""

ENCODERS = ("wav2vec2", "whisper", "audioldm")

LOOPS = ("plain", "cached features", "in batches", "cached targets")
"""The paper's loop and what makes it fast, one after the other."""

BATCH = 4
"""Utterances that go together. With 16, an epoch has so few updates that more epochs are needed
than batches save."""

ENCODING = "encoding"
"""The cell that measures what encoding all utterances once takes."""

SEEDS = (0, 1, 2)
"""Of everything that is not compared in seconds."""

QUESTIONS = {
    "positions": ("sinusoidal",),
    "padding": ("out of the loss",),
    "slots": ("10", "20", "50", "100"),
}
"""What the paper leaves open; no positions, padding in the loss and 30 slots are the table's."""

SIZES = (25, 50)  # 100 is the table's

EXPERIMENTS = (
    "table",
    "sizes",
    "positions",
    "slots",
    "padding",
    "weeks",
    "encoders",
    "speed",
    "cost",
)


def cells(experiments: Sequence[str], corpora: Sequence[str], llms: Sequence[str]) -> list[Cell]:
    """All cells of some experiments, what everything else is compared with first.

    Args:
        experiments: of ``EXPERIMENTS``.
        corpora: names; the first is the one that the open questions are asked on.
        llms: names; the first is the one that the open questions are asked on.
    """
    corpus, llm = corpora[0], llms[0]
    found = {
        "table": [
            *(
                Cell("table", each, with_llm, method)
                for method, each, with_llm in product(METHODS, corpora, llms)
            ),
            # what the open questions are compared with
            *(Cell("table", corpus, llm, "ours", seed) for seed in SEEDS[1:]),
        ],
        "weeks": [
            Cell("weeks", corpus, llm, head, seed)
            for head, seed in product(("letters", "pooled"), SEEDS)
        ],
        "sizes": [
            Cell("sizes", corpus, llm, method, value=str(size))
            for size, method in product(SIZES, ("ours", "letters", *BASELINES))
        ],
        "encoders": [Cell("encoders", corpus, llm, encoder) for encoder in ENCODERS],
        "speed": [Cell("speed", corpus, llm, "ours", value=value) for value in (*LOOPS, ENCODING)],
        "cost": [Cell("cost", corpus, llm, method) for method in ("ours", *BASELINES)],
        **{
            question: [
                Cell(question, corpus, llm, "ours", seed, value)
                for value in values
                for seed in SEEDS
            ]
            for question, values in QUESTIONS.items()
        },
    }
    return [cell for experiment in experiments for cell in found[experiment]]


_processes = multiprocessing.get_context("forkserver")


@dataclass(slots=True)
class _Running:
    cell: Cell
    process: ForkServerProcess
    answer: Connection[Any, str]  # one line, or its end
    log: Path
    began: float


class Grid:
    """Cells and what is known of them.

    Args:
        out: folder of everything that the comparison keeps.
        jobs: cells measured at once, each in one thread.
    """

    def __init__(self, out: Path, jobs: int) -> None:
        self._rows = out / "rows.jsonl"
        self._logs = out / "logs"
        self._jobs = jobs

    def rows(self) -> list[dict[str, Any]]:
        """What is known: one object per cell, with the cell as ``cell``."""
        if not self._rows.is_file():
            return []
        lines = self._rows.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def left(self, wanted: Sequence[Cell], places: Mapping[str, Place]) -> list[Cell]:
        """The cells that are not known yet."""
        known = {_key(row["cell"], row["used"]) for row in self.rows()}
        return [cell for cell in wanted if _key(asdict(cell), places[cell.llm].used) not in known]

    def run(self, wanted: Sequence[Cell], places: Mapping[str, Place]) -> int:
        """Measure the cells that are not known yet; how many failed.

        Args:
            wanted: the cells.
            places: where things are, by the name of the LLM.
        """
        left = self.left(wanted, places)
        print(f"{len(wanted)} cells, {len(wanted) - len(left)} of them known", flush=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        running: list[_Running] = []
        failed, done, began = 0, 0, time.monotonic()
        try:
            while left or running:
                while left and len(running) < self._jobs:
                    cell = left.pop(0)
                    running.append(self._start(cell, places[cell.llm]))
                ready = wait([each.answer for each in running])
                for each in [each for each in running if each.answer in ready]:
                    running.remove(each)
                    done += 1
                    failed += not self._keep(each)
                    spent = time.monotonic() - began
                    remaining = spent / done * (len(left) + len(running)) / 60
                    print(f"  {len(left) + len(running)} left, {remaining:.0f} min", flush=True)
        finally:
            for each in running:
                each.process.kill()
                each.process.join()
        return failed

    def _start(self, cell: Cell, place: Place) -> _Running:
        name = "-".join(str(part) for part in asdict(cell).values() if part != "")
        log = self._logs / f"{name.replace(' ', '_')}.log"
        asked = json.dumps({"cell": asdict(cell), "place": asdict(place)}, default=str)
        mine, theirs = _processes.Pipe(duplex=False)
        process = _processes.Process(target=_measure, args=(asked, log, theirs))
        process.start()
        theirs.close()
        return _Running(cell, process, mine, log, time.monotonic())

    def _keep(self, ended: _Running) -> bool:
        """Keep what a cell gave; whether it gave anything."""
        cell, minutes = ended.cell, (time.monotonic() - ended.began) / 60
        what = f"{cell.experiment} {cell.corpus} {cell.llm} {cell.method} {cell.seed} {cell.value}"
        with ended.answer:
            try:
                answer: str = ended.answer.recv()
            except EOFError:
                print(f"{what}: failed, see {ended.log}", flush=True)
                return False
            finally:
                ended.process.join()
        with self._rows.open("a", encoding="utf-8") as file:
            file.write(answer + "\n")
        score = json.loads(answer).get("score")
        figures = ""
        if score is not None:
            figures = f"ROUGE-1 {score['rouge1']:.3f} token error {score['token_error']:.2f}"
        print(f"{what}: {figures} {minutes:.1f} min", flush=True)
        return True


def _measure(asked: str, log: Path, answer: Connection[str, Any]) -> None:
    from bench.paper import worker  # noqa: PLC0415 - it imports this module

    worker.main(asked, log, answer)


def _key(cell: Mapping[str, Any], used: Mapping[str, int]) -> str:
    return json.dumps([cell, used], sort_keys=True)
