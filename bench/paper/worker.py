"""The process that measures one cell: what and where as JSON in, what was found as JSON out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench.paper import cost, encoders, speed
from bench.paper.cells import Cell, Place, measure
from bench.paper.training import Point


def main() -> None:
    """Read the cell from standard input; its progress goes to standard error."""
    asked = json.load(sys.stdin)
    cell, place = Cell(**asked["cell"]), _place(asked["place"])
    match cell.experiment:
        case "encoders":
            found = encoders.measure(cell, place)
        case "cost":
            found = cost.measure(cell, place)
        case "speed":
            found = speed.measure(cell, place, _tell)
        case _:
            found = measure(cell, place, _tell)
    print(json.dumps({"cell": asked["cell"], "used": place.used, **found}))


def _place(fields: dict[str, Any]) -> Place:
    paths = ("out", "gguf", "folder", "encoder", "whisper", "audioldm")
    named = {name: Path(fields[name]) for name in paths if fields[name] is not None}
    return Place(**{**fields, **named})


def _tell(point: Point) -> None:
    print(f"epoch {point.epoch} loss {point.loss:.4f} {point.seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
