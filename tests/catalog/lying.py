"""Pulls from a hub and an index that break off, lie, attack and are away, in every combination."""

from __future__ import annotations

import random
import re
import struct
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.catalog.entries import CatalogEntry
from assistant.catalog.folder import MANIFEST, PARTIAL, ModelFolder
from tests.catalog.hub import FakeHub
from tests.catalog.index import FakeIndex, environment, file_name, wheel
from tests.catalog.models import HUB, REPOSITORY, noise, offer
from tests.catalog.puller import WHOLE, Puller
from tests.catalog.web import Fault
from tests.catalog.wheels import FIRST, SECOND, Packed, hooks, link

NOWHERE = "http://127.0.0.1:9"

PROMISED = 400_000
"""Bytes of a wheel at most, as the catalogue says."""

SENTENCE = re.compile(r"Cannot fetch tiny: \S.*; and \S.*\. Check the network, .* it stopped\.")

BOMB = 30_000_000

SEEDS = range(14)
"""They meet everything that may be wrong with an index once."""

Members = Mapping[str, "bytes | tuple[zipfile.ZipInfo, bytes]"]


@dataclass
class Journey:
    """One model that is not to be had, and then is.

    Args:
        hub: the first source.
        index: the second one.
        home: a folder in which only the model's is to change.
        seed: of what happens.
    """

    hub: FakeHub
    index: FakeIndex
    home: Path
    seed: int

    def live(self) -> dict[str, int]:
        """Pull while something is wrong, then when all is well; what it was."""
        rng = random.Random(self.seed)
        packed = Packed(noise(rng.randint(10_000, 200_000), self.seed))
        wanted = self._promised(packed.put(self.index, HUB))
        kinds = sorted(self._index_kinds)
        kind, other = kinds[self.seed % len(kinds)], rng.choice(sorted(self._hub_kinds))
        endpoint, hub_gives = self._hub_kinds[other](packed, rng)
        index_gives = self._index_kinds[kind](packed, rng)
        puller = self._start(wanted, endpoint)
        if rng.random() < 0.2:
            time.sleep(rng.uniform(0, 2))
            puller.kill()
            other = "killed"
        told = puller.end()
        if other != "killed":
            assert (told == WHOLE) == (hub_gives or index_gives), (kind, other, told)
            assert told == WHOLE or SENTENCE.fullmatch(told or ""), (kind, other, told)
        self._require_all_or_nothing(packed)
        for server in (self.hub, self.index):
            server.faults.clear()
        self.index.is_away = False
        packed.put(self.index)
        offer(self.hub, packed.files)
        endpoint = rng.choice((NOWHERE, self.hub.endpoint))
        assert self._start(wanted, endpoint).end() == WHOLE
        assert self._require_all_or_nothing(packed)
        assert not list((self.home / "models" / PARTIAL / "tiny").glob("*"))
        return {f"index: {kind}": 1, f"hub: {other}": 1}

    def _start(self, wanted: CatalogEntry, endpoint: str) -> Puller:
        return Puller.start(
            endpoint,
            self.home / "models",
            wanted,
            largest_file=PROMISED + (2 << 20),
            environment=environment(self.index.address),
        )

    @staticmethod
    def _promised(wanted: CatalogEntry) -> CatalogEntry:
        dumped = wanted.model_dump(mode="json")
        for each in dumped["sources"][-1]["wheels"]:
            each["size"] = PROMISED
        return CatalogEntry.model_validate(dumped)

    def _require_all_or_nothing(self, packed: Packed) -> bool:
        """Whether the model is there; if it is, it must be whole, and nothing else has changed."""
        assert [path.name for path in self.home.iterdir()] == ["models"]
        folder = ModelFolder(self.home / "models")
        assert {path.name for path in folder.path.iterdir()} <= {PARTIAL, "tiny"}
        partial = {path.name for path in (folder.path / PARTIAL).iterdir()}
        assert partial <= {"tiny", ".tiny.lock"}
        if folder.names() != ["tiny"]:
            assert not folder.place("tiny").exists()
            return False
        assert folder.damaged("tiny") == []
        here = {path.name: path.read_bytes() for path in folder.place("tiny").iterdir()}
        assert here.keys() - {MANIFEST, "LICENSE"} == packed.files.keys()
        assert packed.files.items() <= here.items()
        return True

    @property
    def _hub_kinds(self) -> dict[str, Callable[[Packed, random.Random], tuple[str, bool]]]:
        """What may be wrong with the hub; its address then, and whether the model comes."""

        def having(files: Mapping[str, bytes], *faults: Fault) -> str:
            offer(self.hub, files)
            self.hub.faults += faults
            return self.hub.endpoint

        def flips(packed: Packed, rng: random.Random) -> tuple[str, bool]:
            at = rng.randrange(len(packed.small))
            return having(packed.files, *[Fault(flip_at=at)] * 2), False

        def lies(packed: Packed, _rng: random.Random) -> tuple[str, bool]:
            self.hub.etags[REPOSITORY, "tiny.gguf"] = "0" * 64
            return having(packed.files), False

        def cuts(packed: Packed, rng: random.Random) -> tuple[str, bool]:
            at = rng.randrange(1, len(packed.small))
            return having(packed.files, Fault(cut_at=at), Fault(), Fault(more=3_000_000)), True

        return {
            "away": lambda _packed, _rng: (NOWHERE, False),
            "has another model": lambda packed, _rng: (
                having(packed.files | {"tiny.gguf": packed.large[1:]}), False
            ),
            "has not all of it": lambda packed, _rng: (
                having({"config.json": packed.small}), False
            ),
            "gives other bytes": flips,
            "names another hash": lies,
            "breaks off and gives too much": cuts,
        }  # fmt: skip

    @property
    def _index_kinds(self) -> dict[str, Callable[[Packed, random.Random], bool]]:
        """What may be wrong with the index; whether the model comes all the same."""
        index, marker = self.index, self.home / "marker"

        def having(packed: Packed, members: Members, *, stored: bool = False) -> bool:
            compression = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            index.put(FIRST, wheel(FIRST, {**packed.members[0], **members}, compression))
            return False

        def away(_packed: Packed, _rng: random.Random) -> bool:
            index.is_away = True
            return False

        def half(_packed: Packed, _rng: random.Random) -> bool:
            del index.wheels[file_name(SECOND)]
            return False

        def cut(packed: Packed, rng: random.Random) -> bool:
            index.faults += [Fault(cut_at=rng.randrange(1, len(packed.large) // 2))] * 2
            return True

        def torn(_packed: Packed, _rng: random.Random) -> bool:
            name = file_name(SECOND)
            index.wheels[name] = index.wheels[name][:-40]
            return False

        def lying_bomb(packed: Packed, _rng: random.Random) -> bool:
            having(packed, {"part1/tiny.1": bytes(BOMB)})
            declared = struct.pack("<I", len(packed.large) // 2)
            name = file_name(FIRST)
            index.wheels[name] = index.wheels[name].replace(struct.pack("<I", BOMB), declared)
            return False

        def armed(packed: Packed, _rng: random.Random) -> bool:
            having(packed, hooks(marker, "some_model_part1"))
            return True

        def without(packed: Packed, *names: str) -> Members:
            return {name: b"" for name in names if name in packed.members[0]}

        return {
            "away": away,
            "has half of it": half,
            "breaks off": cut,
            "a torn archive": torn,
            "other bytes": lambda packed, _rng: having(
                packed, {"part1/tiny.1": noise(len(packed.large) // 2, 1)}
            ),
            "another length": lambda packed, _rng: having(
                packed, {"part1/tiny.1": packed.members[0]["part1/tiny.1"] + b"x"}
            ),
            "empty": lambda packed, _rng: having(packed, without(packed, "part1/tiny.1")),
            "names that climb": lambda packed, _rng: not having(
                packed,
                dict.fromkeys(
                    [str(self.home / "climbed"), *("../" * up + "climbed" for up in range(1, 6))],
                    b"x",
                ),
            ),
            "a link for a file": lambda packed, _rng: having(
                packed, {"part1/config.json": link("part1/config.json", b"/etc/hostname")}
            ),
            "a bomb": lambda packed, _rng: having(packed, {"part1/tiny.1": bytes(BOMB)}),
            "a bomb that lies": lying_bomb,
            "things to run": armed,
            "a wheel too large": lambda packed, _rng: having(
                packed, {"more": noise(PROMISED + 10)}, stored=True
            ),
            "all well": lambda _packed, _rng: True,
        }  # fmt: skip
