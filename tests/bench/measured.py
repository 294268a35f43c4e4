"""Rows as the comparison's cells leave them, with figures that are easy to reckon with."""

from __future__ import annotations

from typing import Any

from bench.paper.cells import Cell
from bench.paper.grid import ENCODING, EXPERIMENTS, cells

CORPORA = ("polish", "kathleen")
LLMS = ("starter", "small")

SETTLED = {"ours": 10.0, "a1": 300.0, "a2-lora": 600.0, "a2-full": 520.0, "a3": 40.0}
REACHED = {"ours": 20.0, "a1": 1_200.0, "a2-lora": None, "a2-full": 1_000.0, "a3": None}
"""Seconds; all of these trainings end after 1,500 s."""

ROUGE = {"cascade": 0.5, "ours": 0.4, "ctc": 0.6, "letters": 0.9, "a1": 0.2, "a2-lora": 0.25}

LOWEST = {"plain": 0.40, "cached features": 0.41, "in batches": 0.42, "cached targets": 0.39}
SECONDS_PER_EPOCH = {
    "plain": 60.0,
    "cached features": 6.0,
    "in batches": 2.0,
    "cached targets": 1.0,
}


def everything() -> list[dict[str, Any]]:
    """A row of every cell, on two corpora with two LLMs."""
    return [row(cell) for cell in cells(EXPERIMENTS, CORPORA, LLMS)]


def row(cell: Cell, **more: Any) -> dict[str, Any]:
    """A row of a cell."""
    fields = {name: getattr(cell, name) for name in Cell.__slots__}
    used = {"epochs": 400, "size": 100, "unseen": 50}
    return {"cell": fields, "used": used, **_found(cell), **more}


def _found(cell: Cell) -> dict[str, Any]:
    match cell.experiment:
        case "weeks":
            gain = {"letters": 0.1, "pooled": 0.02}[cell.method]
            return {
                "weeks": [
                    {
                        "week": week,
                        "kept": score(0.3 + gain * week + 0.01 * cell.seed),
                        "changed": score(0.3 + gain * week + 0.01 * cell.seed - 0.02),
                    }
                    for week in range(5)
                ]
            }
        case "encoders":
            trained = cell.method == "wav2vec2"
            encoder = {"before_mb": 600.0, "peak_mb": 950.0, "frames": 149, "dim": 768}
            points = [point(1, 5.0, 0.1), point(1_000, 0.02 if trained else 2.5, 90.0)]
            return {"encoder": {**encoder, "trained": trained}, "course": {"points": points}}
        case "cost":
            seconds = {"ours": 0.02, "a1": 2.0}.get(cell.method, 5.0)
            memory = {"before_mb": 400.0, "peak_mb": 1_000.0}
            return {"cost": {"seconds": seconds, "trained": 3_422_720, **memory, "samples": 80_000}}
        case "speed":
            return _speed(cell)
        case _ if cell.method == "cascade":
            return {"score": score(_rouge(cell))}
        case _:
            return _aligned(cell)


def _speed(cell: Cell) -> dict[str, Any]:
    if cell.value == ENCODING:
        return {"encoding": {"own": 2.0, "wav2vec2-base": 102.0}}
    second, lowest = SECONDS_PER_EPOCH[cell.value], LOWEST[cell.value]
    losses = [3.0, 1.0, 0.42, lowest, 0.5]
    return {"held_out": [point(n, loss, n * second) for n, loss in enumerate(losses, start=1)]}


def _rouge(cell: Cell) -> float:
    if (cell.method, cell.corpus, cell.llm) == ("cascade", "kathleen", "small"):
        return 0.95
    if cell.experiment == "sizes":
        return ROUGE.get(cell.method, 0.1) * int(cell.value) / 100
    effect = {"sinusoidal": -0.2, "10": -0.25, "out of the loss": 0.005}.get(cell.value, 0.0)
    return ROUGE.get(cell.method, 0.1) + effect + 0.01 * cell.seed


def _aligned(cell: Cell) -> dict[str, Any]:
    settled, reached = SETTLED.get(cell.method, 5.0), REACHED.get(cell.method)
    found: dict[str, Any] = {
        "course": {
            "points": [point(1, 4.0, 1.0), point(2, 0.4, settled), point(400, 0.2, 1_500.0)],
            "steps": 2_800,
            "wall_s": 1_600.0,
            "settled": point(2, 0.4, settled),
            "reached": None if reached is None else point(200, 0.05, reached),
        },
        "trained": 3_422_720,
        "before_mb": 500.0,
        "peak_mb": 1_234.0,
        "score": score(_rouge(cell)),
    }
    if cell.method == "ours":
        found["with_padding"] = score(0.3 + 0.01 * cell.seed)
    if cell.method == "ours" and cell.experiment == "table":
        found["injection"] = {
            "on": score(0.45 + 0.01 * cell.seed),
            "audio first": score(0.2 + 0.01 * cell.seed),
            "off": score(0.3 + 0.01 * cell.seed),
            "text first": score(0.35),
            "text, off": score(0.6),
        }
    return found


def point(epoch: int, loss: float, seconds: float) -> dict[str, Any]:
    """One point of a curve, on a machine that counts no energy."""
    return {"epoch": epoch, "loss": loss, "seconds": seconds, "joules": None}


def score(rouge1: float) -> dict[str, float]:
    """A score whose other measures follow from its ROUGE-1."""
    return {
        "rouge1": rouge1,
        "rougeL": rouge1 - 0.01,
        "equal": rouge1 / 2,
        "token_error": 1 - rouge1,
    }
