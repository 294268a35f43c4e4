"""The process that measures one cell: what and where as JSON in, what was found as JSON out."""

from __future__ import annotations

import json
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.paper import cost, encoders, speed
from bench.paper.cells import Cell, Place, measure
from bench.paper.training import Point


def main(asked: str, log: Path, answer: Connection[str, Any]) -> None:
    """Measure the cell that is asked for; its progress and what goes wrong go to the log."""
    with log.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    wanted = json.loads(asked)
    cell, place = Cell(**wanted["cell"]), _place(wanted["place"])
    match cell.experiment:
        case "encoders":
            found = encoders.measure(cell, place)
        case "cost":
            found = cost.measure(cell, place)
        case "speed":
            found = speed.measure(cell, place, _tell)
        case _:
            found = measure(cell, place, _tell)
    answer.send(json.dumps({"cell": wanted["cell"], "used": place.used, **found}))


def _place(fields: dict[str, Any]) -> Place:
    paths = ("out", "gguf", "folder", "encoder", "whisper", "audioldm")
    named = {name: Path(fields[name]) for name in paths if fields[name] is not None}
    return Place(**{**fields, **named})


def _tell(point: Point) -> None:
    print(f"epoch {point.epoch} loss {point.loss:.4f} {point.seconds:.0f} s", file=sys.stderr)
