"""``assistant models list`` and ``show``: models that can be downloaded, and those installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from assistant.catalog.entries import SPARE_MB, STARTER, Catalog, CatalogEntry, ModelSet, Role, read
from assistant.catalog.folder import Manifest, ModelFolder
from assistant.cli.shared.output import plain, print_json, print_line, print_table
from assistant.config import Loaded, Settings
from assistant.errors import CatalogError

IN_USE, INSTALLED, PARTLY, NOT_HERE = "in use", "installed", "partly installed", ""


@dataclass(frozen=True, slots=True)
class Known:
    """A model with what is known about it here."""

    name: str
    entry: CatalogEntry | None
    manifest: Manifest | None
    state: str
    trouble: str | None = None  # why its manifest cannot be read
    sets: tuple[str, ...] = ()  # that it belongs to

    @property
    def role(self) -> Role | None:
        """What it does."""
        return self.manifest.role if self.manifest else self.entry and self.entry.role

    def as_json(self, total_mb: float) -> dict[str, object]:
        """Everything as JSON values, given the memory of this machine."""
        entry, manifest = self.entry, self.manifest
        return {
            "name": self.name,
            "role": self.role and self.role.value,
            "state": self.state or "not here",
            "sets": self.sets,
            "fits": entry and entry.fits(total_mb),
            "catalogue": entry and entry.model_dump(mode="json"),
            "manifest": manifest and manifest.model_dump(mode="json"),
            "trouble": self.trouble,
        }


def run_list(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print the sets, the catalogue and other installed models, one per line."""
    folder, total_mb = ModelFolder(settings.models.folder), _total_mb()
    catalogue = read()
    models = list(_known(catalogue, settings, folder))
    if args.json:
        for model in models:
            print_json(model.as_json(total_mb))
        return 0
    heads = ("NAME", "ROLE", "SIZE", "MEMORY", "FITS", "LICENCE", "STATE")
    sets = (_cells_of_set(each, models, total_mb) for each in catalogue.sets)
    print_table(heads, (*sets, *(_cells(model, total_mb) for model in models)))
    print_line(
        f"\nFITS: whether it fits in this machine's {total_mb / 1_000:.1f} GB, with {SPARE_MB} MB "
        "left for the rest. SIZE and MEMORY are\nestimates for models that are not installed. * "
        "restricts what you may do, and has to be accepted."
    )
    for each in catalogue.sets:
        print_line(f"'{each.name}' stands for {each.about}: {', '.join(each.models)}.")
    if best := catalogue.recommended(Role.LLM, total_mb):
        print_line(f"Of the language models, {best.name} suits this machine's memory best.")
    print_line(f"They are kept in {folder.path}. '{STARTER}' is the pair that comes with Attune.")
    return 0


def run_show(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print everything about one model, or about each one of a set."""
    folder, catalogue = ModelFolder(settings.models.folder), read()
    models = {each.name: each for each in _known(catalogue, settings, folder)}
    names = catalogue.members(args.name)
    for place, name in enumerate(names):
        if name not in models:
            catalogue.find(name)
        if args.json:
            print_json(models[name].as_json(_total_mb()))
            continue
        if place:
            print_line()
        for what, text in _details(models[name], folder):
            print_line(f"{what:<13} {plain(text)}")
    return 0


def is_in_use(place: Path, settings: Settings) -> bool:
    """Whether the settings name a model or a voice in a folder."""
    used = [settings.generate.path, settings.encode.path]
    if settings.speak.engine == "piper":
        used += [settings.models.folder / settings.speak.voice, Path(settings.speak.voice)]
    place = place.resolve()
    return any(path.resolve().is_relative_to(place) for path in used)


def _known(catalogue: Catalog, settings: Settings, folder: ModelFolder) -> Iterator[Known]:
    """Every model of the catalogue, then the imported ones."""
    entries = {entry.name: entry for entry in catalogue.models}
    installed, on_the_way = folder.names(), folder.on_the_way()
    for name in (*entries, *(each for each in installed if each not in entries)):
        manifest, trouble, state = None, None, NOT_HERE
        if name in installed:
            state = IN_USE if is_in_use(folder.place(name), settings) else INSTALLED
            try:
                manifest = folder.manifest(name)
            except CatalogError as error:
                trouble = str(error)
        elif name in on_the_way:
            state = PARTLY
        sets = tuple(each.name for each in catalogue.sets if name in each.models)
        yield Known(name, entries.get(name), manifest, state, trouble, sets)


def _cells(model: Known, total_mb: float) -> Sequence[str]:
    entry, manifest = model.entry, model.manifest
    size = manifest.size if manifest else entry.size if entry else 0
    return (
        model.name,
        model.role.value if model.role else "",
        _gb(size) if size else "",
        f"{entry.memory_mb} MB" if entry else "",
        "" if entry is None else "yes" if entry.fits(total_mb) else "no",
        "" if entry is None else _licence(entry),
        "damaged" if model.trouble else model.state,
    )


def _cells_of_set(wanted: ModelSet, models: Sequence[Known], total_mb: float) -> Sequence[str]:
    members = [model for model in models if model.name in wanted.models]
    entries = [model.entry for model in members if model.entry]
    states = {model.state for model in members}
    return (
        wanted.name,
        "set",
        _gb(sum(entry.size for entry in entries)),
        f"{sum(entry.memory_mb for entry in entries)} MB",
        "yes" if all(entry.fits(total_mb) for entry in entries) else "no",
        ", ".join(dict.fromkeys(_licence(entry) for entry in entries)),
        states.pop() if len(states) == 1 else PARTLY,
    )


def _details(model: Known, folder: ModelFolder) -> Iterator[tuple[str, str]]:
    """Names and texts of what is known about a model."""
    yield "name", model.name
    yield "state", model.state or "not here"
    for name in model.sets:
        yield "set", name
    if model.trouble:
        yield "trouble", model.trouble
    if (entry := model.entry) is not None:
        yield "role", f"{entry.role.value}: {entry.about}"
        yield "architecture", entry.architecture
        for source in entry.sources:
            yield source.kind, source.title
        yield "files", ", ".join(file.name for file in entry.files)
        yield "size", f"{'about ' * (entry.size_gb is not None)}{_gb(entry.size)}"
        fits = "fits" if entry.fits(_total_mb()) else "does not fit"
        yield "memory", f"about {entry.memory_mb} MB; {fits} this machine"
        yield "boards", ", ".join(board.value for board in entry.boards)
        accept = "; has to be accepted" if entry.licence.accept else ""
        yield "licence", f"{entry.licence.id} ({entry.licence.url}){accept}"
        if entry.note is not None:
            yield "note", entry.note
    if (manifest := model.manifest) is not None:
        if model.entry is None:
            yield "role", manifest.role.value
        yield "installed", f"{manifest.installed_at.astimezone():%Y-%m-%d %H:%M}"
        yield "from", manifest.source
        yield "folder", str(folder.place(model.name))
        for file, kept in manifest.files.items():
            yield "file", f"{file}, {kept.size} bytes, SHA-256 {kept.sha256}"


def _licence(entry: CatalogEntry) -> str:
    return entry.licence.id + " *" * entry.licence.accept


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


def _total_mb() -> float:
    return psutil.virtual_memory().total / 1e6
