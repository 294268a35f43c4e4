"""What a long run has done already, so that it goes on where it was broken off."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

FOLDER = Path(os.environ.get("SOAK_DIR", ROOT / "build" / "soak"))


@dataclass(frozen=True)
class Ledger:
    """One JSON line per seed that was lived through; those of other code do not count."""

    name: str
    folder: Path = FOLDER

    def settle(self, seed: int, live: Callable[[], Mapping[str, object]]) -> None:
        """Live through a seed, unless it has been, and write down what came of it."""
        if self.lines().get(seed, {}).get("passed"):
            return
        began = time.monotonic()
        try:
            found = live()
        except Exception as error:
            self._add(seed, began, passed=False, why=repr(error))
            raise
        self._add(seed, began, passed=True, **found)

    def lines(self) -> dict[int, dict[str, Any]]:
        """The newest line of each seed."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        lines = [json.loads(line) for line in text.splitlines()]
        return {line["seed"]: line for line in lines if line["code"] == code()}

    def summary(self) -> Iterator[str]:
        """Totals in words."""
        lines = self.lines()
        failed = [seed for seed, line in lines.items() if not line["passed"]]
        minutes = sum(line["seconds"] for line in lines.values()) / 60
        yield f"{self.name}: {len(lines)} seeds in {minutes:.0f} minutes, {len(failed)} failed"
        if failed:
            yield f"  failed seeds: {failed}"
        totals: Counter[str] = Counter()
        for line in lines.values():
            totals.update(line.get("counts", {}))
        for key, number in sorted(totals.items()):
            yield f"  {key:44} {number:5}"

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}.jsonl"

    def _add(self, seed: int, began: float, **found: object) -> None:
        seconds = round(time.monotonic() - began, 1)
        line = {"seed": seed, "code": code(), "seconds": seconds, **found}
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@cache
def code() -> str:
    """Names the program that is tried."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "assistant").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
