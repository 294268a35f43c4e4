"""``assistant models``: models of one's own, pulled, imported, checked, used and removed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from assistant.catalog import entries
from assistant.catalog.bring import bring, survey
from assistant.catalog.entries import SPARE_MB, CatalogEntry, Role
from assistant.catalog.folder import Manifest, ModelFolder
from assistant.catalog.hub import Hub
from assistant.catalog.pull import Pull
from assistant.cli import models_tune
from assistant.cli.arguments import Subparsers
from assistant.cli.models_display import display
from assistant.cli.output import plain, print_json, print_line, print_table
from assistant.config import Loaded, Settings
from assistant.errors import CatalogError, ConfigError

STARTER = "starter"
"""What the bundled pair is called."""

IN_USE, INSTALLED, PARTLY, NOT_HERE = "in use", "installed", "partly here", ""


def register(subparsers: Subparsers) -> None:
    """Add the commands of ``models``."""
    models = subparsers.add_parser("models", help="fetch, check and use models of your own")
    commands = models.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="what can be pulled, and what is installed")
    listing.add_argument("--json", action="store_true", help="print one JSON object per model")
    listing.set_defaults(run=run_list)

    show = commands.add_parser("show", help="everything about one model")
    _add_name(show)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)

    pull = commands.add_parser("pull", help="fetch a model; broken off, it goes on from there")
    _add_name(pull)
    pull.add_argument(
        "--accept-licence", action="store_true", help="agree to its licence without being asked"
    )
    pull.set_defaults(run=run_pull)

    verify = commands.add_parser("verify", help="hold installed models against their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="which models (default: all)")
    verify.set_defaults(run=run_verify)

    use = commands.add_parser("use", help="try a model, then answer or speak with it")
    use.add_argument(
        "model", metavar="NAME|PATH", help=f"an installed model, a path, or '{STARTER}'"
    )
    use.add_argument("--force", action="store_true", help="also if memory will be short")
    use.add_argument(
        "--system", action="store_true", help="for the service: change the system's settings"
    )
    use.set_defaults(run=run_use)

    remove = commands.add_parser("remove", help="take an installed model off the disk")
    _add_name(remove)
    remove.add_argument("--force", action="store_true", help="also one that is in use")
    remove.set_defaults(run=run_remove)

    importing = commands.add_parser(
        "import", help="take in a GGUF, an encoder's folder or a voice, from a USB stick say"
    )
    importing.add_argument("path", type=Path, metavar="PATH")
    importing.add_argument("--name", metavar="NAME", help="what to call it (default: as its file)")
    importing.set_defaults(run=run_import)

    models_tune.add(commands)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name from 'models list'")


@dataclass(frozen=True, slots=True)
class Known:
    """A model with what is known of it here."""

    name: str
    entry: CatalogEntry | None
    manifest: Manifest | None
    state: str
    trouble: str | None = None  # why its manifest cannot be read

    @property
    def role(self) -> Role | None:
        """What it does."""
        return self.manifest.role if self.manifest else self.entry and self.entry.role

    def as_json(self, total_mb: float) -> dict[str, object]:
        """All of it as JSON values.

        Args:
            total_mb: memory of this machine.
        """
        entry, manifest = self.entry, self.manifest
        return {
            "name": self.name,
            "role": self.role and self.role.value,
            "state": self.state or "not here",
            "fits": entry and entry.fits(total_mb),
            "catalogue": entry and entry.model_dump(mode="json"),
            "manifest": manifest and manifest.model_dump(mode="json"),
            "trouble": self.trouble,
        }


def run_list(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print the catalogue and what else is installed, one model per line."""
    folder, total_mb = ModelFolder(settings.models.folder), _total_mb()
    models = list(_known(settings, folder))
    if args.json:
        for model in models:
            print_json(model.as_json(total_mb))
        return 0
    heads = ("NAME", "ROLE", "SIZE", "MEMORY", "FITS", "LICENCE", "STATE")
    print_table(heads, (_cells(model, total_mb) for model in models))
    print_line()
    print_line(
        f"FITS: whether this machine's {total_mb / 1_000:.1f} GB hold it beside {SPARE_MB} MB for "
        "the rest. SIZE and MEMORY are\nestimates where a model is not here. * restricts what you "
        "may do, and has to be accepted."
    )
    print_line(f"They are kept in {folder.path}. '{STARTER}' is the pair that Attune brings.")
    return 0


def run_show(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print everything about one model."""
    folder = ModelFolder(settings.models.folder)
    model = next((each for each in _known(settings, folder) if each.name == args.name), None)
    if model is None:
        entries.find(entries.read(), args.name)
        return 1
    if args.json:
        print_json(model.as_json(_total_mb()))
        return 0
    for name, text in _details(model, folder):
        print_line(f"{name:<13} {plain(text)}")
    return 0


def run_pull(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Fetch a model, after its licence was accepted where that is needed."""
    entry = entries.find(entries.read(), args.name)
    folder = ModelFolder(settings.models.folder)
    if entry.name in folder.names():
        damaged = folder.damaged(entry.name)
        if not damaged:
            print_line(f"{entry.name} is here already, and whole.")
            return 0
        print_line(f"{entry.name} is damaged ({', '.join(damaged)}) and is fetched anew.")
    if not _accepted(entry, yes=args.accept_licence):
        print_line("Nothing was fetched.")
        return 1
    with display(f"Fetching {entry.name}") as show:
        for step in Pull(folder, Hub()).run(entry):
            show(step)
    print_line(f"{entry.name} is whole, in {folder.place(entry.name)}.")
    print_line(f"'assistant models use {entry.name}' tries it and takes it up.")
    return 0


def run_verify(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Hold models against their checksums; exit status 1 if one is damaged."""
    folder = ModelFolder(settings.models.folder)
    names = args.names or folder.names()
    catalogue = {entry.name for entry in entries.read()}
    status = 0
    for name in names:
        damaged = folder.damaged(name)
        print_line(f"{name}: {'damaged: ' + ', '.join(damaged) if damaged else 'whole'}")
        if damaged:
            status = 1
            print_line(
                f"  'assistant models pull {name}' fetches it anew."
                if name in catalogue
                else f"  Import it anew, after 'assistant models remove {name} --force'."
            )
    if not names:
        print_line(f"No model is installed in {folder.path}.")
    return status


def run_use(args: argparse.Namespace, settings: Settings, loaded: Loaded) -> int:
    """Try a model and take it up."""
    # what tries models takes seconds to load
    from assistant.cli import models_use  # noqa: PLC0415

    return models_use.use(args.model, settings, loaded, force=args.force, system=args.system)


def run_remove(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Take a model off the disk."""
    folder = ModelFolder(settings.models.folder)
    if is_in_use(folder.place(args.name), settings) and not args.force:
        raise CatalogError(
            f"The model {args.name} is in use. Change to another one first, with 'assistant models "
            f"use NAME' or 'assistant models use {STARTER}'; --force removes it all the same."
        )
    folder.remove(args.name)
    print_line(f"{args.name} is removed.")
    return 0


def run_import(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Copy a model into the folder of models, once it has been opened."""
    # what opens models takes seconds to load
    from assistant.cli import models_use  # noqa: PLC0415

    offer = survey(args.path.expanduser())
    folder, name = ModelFolder(settings.models.folder), args.name or offer.name
    with display(f"Copying {name}") as show:
        for step in bring(offer, name, folder, models_use.opening(offer.role, settings)):
            show(step)
    print_line(f"{name} ({offer.role.value}) is whole, in {folder.place(name)}.")
    print_line(f"'assistant models use {name}' tries it and takes it up.")
    return 0


def is_in_use(place: Path, settings: Settings) -> bool:
    """Whether the settings name a model or a voice that lies in a folder."""
    used = [settings.generate.path, settings.encode.path]
    if settings.speak.engine == "piper":
        used += [settings.models.folder / settings.speak.voice, Path(settings.speak.voice)]
    place = place.resolve()
    return any(path.resolve().is_relative_to(place) for path in used)


def _known(settings: Settings, folder: ModelFolder) -> Iterator[Known]:
    """Every model of the catalogue, then those that a person has brought."""
    catalogue = {entry.name: entry for entry in entries.read()}
    installed, on_the_way = folder.names(), folder.on_the_way()
    for name in (*catalogue, *(each for each in installed if each not in catalogue)):
        manifest, trouble, state = None, None, NOT_HERE
        if name in installed:
            state = IN_USE if is_in_use(folder.place(name), settings) else INSTALLED
            try:
                manifest = folder.manifest(name)
            except CatalogError as error:
                trouble = str(error)
        elif name in on_the_way:
            state = PARTLY
        yield Known(name, catalogue.get(name), manifest, state, trouble)


def _cells(model: Known, total_mb: float) -> Sequence[str]:
    entry, manifest = model.entry, model.manifest
    size = manifest.size / 1e9 if manifest else entry.size_gb if entry else 0.0
    licence = entry.licence if entry else None
    return (
        model.name,
        model.role.value if model.role else "",
        f"{size:.2f} GB" if size else "",
        f"{entry.memory_mb} MB" if entry else "",
        "" if entry is None else "yes" if entry.fits(total_mb) else "no",
        "" if licence is None else licence.id + " *" * licence.accept,
        "damaged" if model.trouble else model.state,
    )


def _details(model: Known, folder: ModelFolder) -> Iterator[tuple[str, str]]:
    """Names and texts of what is known about a model."""
    yield "name", model.name
    yield "state", model.state or "not here"
    if model.trouble:
        yield "trouble", model.trouble
    if (entry := model.entry) is not None:
        yield "role", f"{entry.role.value}: {entry.about}"
        yield "architecture", entry.architecture
        yield "repository", f"{entry.repository} at {entry.revision}"
        yield "files", ", ".join(source.path for source in entry.files)
        yield "size", f"about {entry.size_gb:.2f} GB"
        fits = "fits" if entry.fits(_total_mb()) else "does not fit"
        yield "memory", f"about {entry.memory_mb} MB; {fits} this machine"
        yield "boards", ", ".join(board.value for board in entry.boards)
        accept = "; to be accepted" if entry.licence.accept else ""
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


def _accepted(entry: CatalogEntry, *, yes: bool) -> bool:
    """Show a licence, and have it accepted where it restricts.

    Raises:
        ConfigError: if there is nobody to ask.
    """
    licence = entry.licence
    print_line(f"{entry.name} comes under the licence {licence.id}: {licence.url}")
    if yes or not licence.accept:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(
            f"The licence of {entry.name} restricts what you may do, so you have to accept it: "
            f"read {licence.url}, then add --accept-licence, or run it in a terminal."
        )
    try:
        answer = input("It restricts what you may do with the model. Do you accept it? [y/N] ")
    except EOFError:
        print_line()
        return False
    return answer.strip().lower() in ("y", "yes")


def _total_mb() -> float:
    return psutil.virtual_memory().total / 1e6
