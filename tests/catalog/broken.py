"""Pulls that are killed, cut off and falsified at random points."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from assistant.catalog.entries import CatalogEntry
from assistant.catalog.folder import PARTIAL, ModelFolder
from tests.catalog.hub import FakeHub
from tests.catalog.models import REPOSITORY, entry, stock
from tests.catalog.puller import CHECKING, WHOLE, Puller
from tests.catalog.web import Fault

SIZES = (30_000, 600_000)
LONGEST_S = 10.0
"""How long a kill waits for as many bytes as it shall come after."""

KINDS = ("killed", "killed at the end", "cut", "falsified")


@dataclass
class Trouble:
    """One model, pulled under difficulties.

    Args:
        hub: where it comes from.
        folder: where it goes.
        seed: of the model and of what happens to it.
    """

    hub: FakeHub
    folder: Path
    seed: int

    def live(self, troubles: int) -> dict[str, int]:
        """Have some things go wrong, then pull until all is whole; how often what happened."""
        rng = random.Random(self.seed)
        size = rng.randint(*SIZES)
        wanted = entry("tiny.gguf", "config.json", name=f"tiny-{self.seed}")
        stock(self.hub, wanted, size, self.seed)
        counts: Counter[str] = Counter()
        kinds = [rng.choice(KINDS) for _ in range(troubles)]
        for kind in kinds:
            counts[kind] += 1
            held = self._held(wanted)
            before = len(self.hub.starts())
            self._suffer(kind, wanted, size, rng)
            asked = self.hub.starts()[before:]
            if asked and 0 < held < size:
                assert asked[0] == held, "what was there was fetched again"
                counts["gone on with"] += 1
            self._require_no_half(wanted)
        assert self._start(wanted).end() == WHOLE
        assert self._require_no_half(wanted)
        assert not list((self.folder / PARTIAL / wanted.name).glob("*"))
        return dict(counts)

    def _suffer(self, kind: str, wanted: CatalogEntry, size: int, rng: random.Random) -> None:
        at = rng.randrange(size)
        match kind:
            case "killed":
                pullers: SimpleQueue[Puller] = SimpleQueue()

                def kill() -> None:
                    puller = pullers.get()
                    deadline = time.monotonic() + LONGEST_S
                    while self._held(wanted) < at and time.monotonic() < deadline:
                        time.sleep(0.0005)
                    puller.kill()

                self.hub.faults.append(Fault(cut_at=at, then=kill))
                puller = self._start(wanted)
                pullers.put(puller)
                assert puller.end() in (None, CHECKING, WHOLE)
            case "killed at the end":
                puller = self._start(wanted)
                for _ in range(rng.randint(1, 2)):
                    puller.hear()
                time.sleep(rng.uniform(0, 0.03))
                puller.kill()
                puller.end()
            case "cut":
                self.hub.faults += [Fault(cut_at=at), Fault(cut_at=rng.randrange(size))]
                assert self._start(wanted).end() == WHOLE
            case _:
                flips = rng.randint(1, 2)
                self.hub.faults += [Fault(flip_at=rng.randrange(size)) for _ in range(flips)]
                told = self._start(wanted).end()
                # a byte that is here already cannot come changed
                assert told == WHOLE or (flips == 2 and "arrived damaged twice" in (told or ""))
        self.hub.faults.clear()

    def _start(self, wanted: CatalogEntry) -> Puller:
        return Puller.start(self.hub.endpoint, self.folder, wanted)

    def _held(self, wanted: CatalogEntry) -> int:
        """Bytes of the large file that are on their way."""
        parts = (self.folder / PARTIAL / wanted.name).glob("tiny.gguf.*.part")
        with suppress(FileNotFoundError):  # it has just got its name
            return sum(path.stat().st_size for path in parts)
        return 0

    def _require_no_half(self, wanted: CatalogEntry) -> bool:
        """Whether the model is there; if it is, it must be whole."""
        folder = ModelFolder(self.folder)
        place = folder.place(wanted.name)
        if wanted.name not in folder.names():
            assert not place.exists()
            return False
        assert folder.damaged(wanted.name) == []
        for file in wanted.files:
            assert (place / file.name).read_bytes() == self.hub.files[REPOSITORY, file.name]
        return True
