"""``assistant models``: downloads, imports, checks, uses and removes models."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from assistant.catalog.bring import bring, survey
from assistant.catalog.entries import STARTER, CatalogEntry, read
from assistant.catalog.folder import ModelFolder
from assistant.catalog.pull import Pull
from assistant.cli.models import tune
from assistant.cli.models.display import display
from assistant.cli.models.list import is_in_use, run_list, run_show
from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.keys import answer
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.errors import CatalogError, ConfigError


def register(subparsers: Subparsers) -> None:
    """Add the commands of ``models``."""
    models = subparsers.add_parser("models")
    commands = models.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="models that can be downloaded, and those installed")
    listing.add_argument("--json", action="store_true", help="print one JSON object per model")
    listing.set_defaults(run=run_list)

    show = commands.add_parser("show", help="everything about a model or a set")
    _add_name(show)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)

    pull = commands.add_parser(
        "pull", help="download a model or a set; resumes if it was interrupted"
    )
    _add_name(pull)
    pull.add_argument(
        "--accept-licence", action="store_true", help="agree to its licence without being asked"
    )
    pull.set_defaults(run=run_pull)

    verify = commands.add_parser("verify", help="check installed models against their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="which models (default: all)")
    verify.set_defaults(run=run_verify)

    use = commands.add_parser("use", help="test a model, then switch to it")
    use.add_argument(
        "model", metavar="NAME|PATH", help=f"an installed model or set, a path, or '{STARTER}'"
    )
    use.add_argument("--force", action="store_true", help="even if memory is short")
    use.add_argument(
        "--system", action="store_true", help="for the service: change the system's settings"
    )
    use.set_defaults(run=run_use)

    remove = commands.add_parser("remove", help="delete an installed model or set")
    _add_name(remove)
    remove.add_argument("--force", action="store_true", help="even if it is in use, unasked")
    remove.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    remove.set_defaults(run=run_remove)

    importing = commands.add_parser(
        "import", help="copy a GGUF, an encoder's folder or a voice, for example from a USB stick"
    )
    importing.add_argument("path", type=Path, metavar="PATH")
    importing.add_argument(
        "--name", metavar="NAME", help="what to call it (default: the name of its file)"
    )
    importing.set_defaults(run=run_import)

    tune.add(commands)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name from 'models list'")


def run_pull(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Download a model or a set, after its licence was accepted if that is needed."""
    folder = ModelFolder(settings.models.folder)
    wanted = [entry for entry in read().find_all(args.name) if not _is_whole(entry, folder)]
    for entry in wanted:
        if not _accepted(entry, yes=args.accept_licence):
            print_line("Nothing was downloaded.")
            return 1
    for entry in wanted:
        with display(f"Downloading {entry.name}") as show:
            for step in Pull(folder).run(entry):
                show(step)
        print_line(f"{entry.name} is complete, in {folder.place(entry.name)}.")
    if wanted:
        print_line(f"'assistant models use {args.name}' tests it and switches to it.")
    return 0


def _is_whole(entry: CatalogEntry, folder: ModelFolder) -> bool:
    """Whether a model is already installed, which is reported."""
    if entry.name not in folder.names():
        return False
    if damaged := folder.damaged(entry.name):
        print_line(f"{entry.name} is damaged ({', '.join(damaged)}) and is downloaded again.")
        return False
    print_line(f"{entry.name} is already installed, and intact.")
    return True


def run_verify(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Check models against their checksums; exit status 1 if one is damaged."""
    folder, catalogue = ModelFolder(settings.models.folder), read()
    names = [name for each in args.names for name in catalogue.members(each)] or folder.names()
    can_be_pulled = {entry.name for entry in catalogue.models}
    status = 0
    for name in names:
        damaged = folder.damaged(name)
        print_line(f"{name}: {'damaged: ' + ', '.join(damaged) if damaged else 'intact'}")
        if damaged:
            status = 1
            print_line(
                f"  'assistant models pull {name}' downloads it again."
                if name in can_be_pulled
                else f"  Import it again after 'assistant models remove {name} --force'."
            )
    if not names:
        print_line(f"No model is installed in {folder.path}.")
    return status


def run_use(args: argparse.Namespace, settings: Settings, loaded: Loaded) -> int:
    """Test a model and switch to it."""
    # the test of models takes seconds to load
    from assistant.cli.models import use  # noqa: PLC0415

    return use.use(args.model, settings, loaded, force=args.force, system=args.system)


def run_remove(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Delete a model, or those of a set."""
    folder, names = ModelFolder(settings.models.folder), read().members(args.name)
    for name in names:
        if is_in_use(folder.place(name), settings) and not args.force:
            raise CatalogError(
                f"The model {name} is in use. Switch to another one first, with 'assistant models "
                f"use NAME' or 'assistant models use {STARTER}'; --force removes it anyway."
            )
    if not (args.yes or args.force or _is_to_go(names, folder)):
        print_line("Nothing was removed.")
        return 1
    for name in names:
        folder.remove(name)
        print_line(f"{name} has been removed.")
    return 0


def _is_to_go(names: Sequence[str], folder: ModelFolder) -> bool:
    """Whether a person agrees that models are deleted, which may take hours to download again."""
    places = [folder.place(name) for name in names]
    size = sum(each.stat().st_size for place in places for each in place.rglob("*"))
    if not sys.stdin.isatty():
        raise ConfigError(f"Deleting {', '.join(names)} needs --yes, or a terminal to ask in.")
    question = f"Delete {', '.join(names)} ({size / 1e6:.0f} MB)? [y/N] "
    return answer(question) in ("y", "yes")


def run_import(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Copy a model into the folder of models, once it has been opened successfully."""
    # what opens models takes seconds to load
    from assistant.cli.models import use  # noqa: PLC0415

    offer = survey(args.path.expanduser())
    folder, name = ModelFolder(settings.models.folder), args.name or offer.name
    if name in read().reserved:
        raise CatalogError(
            f"{name!r} is the name of a set of models. Give this one another name with --name."
        )
    with display(f"Copying {name}") as show:
        for step in bring(offer, name, folder, use.opening(offer.role, settings)):
            show(step)
    print_line(f"{name} ({offer.role.value}) is complete, in {folder.place(name)}.")
    print_line(f"'assistant models use {name}' tests it and switches to it.")
    return 0


def _accepted(entry: CatalogEntry, *, yes: bool) -> bool:
    """Show a licence, and have it accepted if it is restrictive."""
    licence = entry.licence
    print_line(f"{entry.name} is under the licence {licence.id}: {licence.url}")
    if yes or not licence.accept:
        return True
    if not sys.stdin.isatty():
        raise ConfigError(
            f"The licence of {entry.name} restricts what you may do, so you have to accept it: "
            f"read {licence.url}, then add --accept-licence, or run this in a terminal."
        )
    question = "It restricts what you may do with the model. Do you accept it? [y/N] "
    return answer(question) in ("y", "yes")
