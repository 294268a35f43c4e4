"""Which models ``assistant run`` answers with: those that are set, the everyday ones, the bundled.

Nothing here keeps it from answering: what cannot be fetched or used is told in a sentence.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from platformdirs import user_data_path

from assistant import durable
from assistant.catalog.entries import SPARE_MB, STARTER, Catalog, CatalogEntry, read
from assistant.catalog.failure import SourceError
from assistant.catalog.folder import ModelFolder
from assistant.catalog.patience import SHORT
from assistant.catalog.progress import Anew, Elsewhere, Moved, Progress
from assistant.catalog.pull import Pull
from assistant.cli.models.display import display
from assistant.cli.shared.keys import answer
from assistant.config import Loaded, Settings, load
from assistant.control.client import Client
from assistant.errors import AttuneError, CatalogError

if TYPE_CHECKING:
    from assistant.cli.models.use import Changes

AUTO, EVERYDAY = "auto", "everyday"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which models answer."""
    parser.add_argument(
        "--models",
        choices=(AUTO, EVERYDAY, STARTER),
        default=AUTO,
        help=f"which models answer this time: '{EVERYDAY}' and '{STARTER}' whatever is set, "
        f"'{AUTO}' (default) the everyday ones where no encoder is set",
    )
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="fetch the everyday models first, if they are to answer and not here",
    )


def settle(args: argparse.Namespace, loaded: Loaded, note: Callable[[str], None]) -> Loaded:
    """Settle which models answer, after fetching them where that is wished for.

    Args:
        args: the flags of ``run``.
        loaded: the settings as they are.
        note: told what came of it.

    Returns:
        The settings to run with.
    """
    if args.models == STARTER:
        return _this_time(loaded, {"encode.path": None, "generate.path": None, "bridge.path": None})
    if _stand(args, loaded):
        return loaded
    try:
        catalogue = read()
        if not _are_here(args, catalogue, loaded.settings, note):
            return loaded
        # it brings torch, which a turn may do without
        from assistant.cli.models.use import take_up  # noqa: PLC0415

        changes = _changes(catalogue.members(EVERYDAY), loaded.settings)
        if args.models == EVERYDAY:
            return _this_time(loaded, changes)
        file = loaded.files[-1]
        take_up(changes, loaded, file)
    except AttuneError as error:
        # the whole advice is that of 'models pull', for whoever wants to know more
        what = error.why if isinstance(error, SourceError) else str(error).rstrip(".")
        note(f"{what[:1].upper()}{what[1:]}; until then Attune listens with what it has.")
        return loaded
    note(
        f"The everyday models listen from now on, as {file} says; 'assistant models use {STARTER}' "
        "goes back."
    )
    return loaded.again()


def _stand(args: argparse.Namespace, loaded: Loaded) -> bool:
    """Whether the settings stand as they are."""
    settings = loaded.settings
    is_set = "encode.path" in loaded.origins or settings.models.everyday == "off"
    if args.models == AUTO and (is_set or args.service):
        return True
    return Client(settings.control.path).is_running()  # and this run will be refused


def declined_file() -> Path:
    """What remembers that nobody wants to be asked again."""
    return user_data_path("attune") / "everyday-declined"


def _are_here(
    args: argparse.Namespace, catalogue: Catalog, settings: Settings, note: Callable[[str], None]
) -> bool:
    """Whether the everyday models are here, perhaps since they have just been fetched.

    Raises:
        CatalogError: if they are wished for and cannot be fetched.
    """
    folder = ModelFolder(settings.models.folder)
    installed = folder.names()
    missing = [each for each in catalogue.find_all(EVERYDAY) if each.name not in installed]
    if not missing:
        return True
    may_fetch = args.fetch and not args.service
    if not may_fetch and not _agrees(args, missing, note):
        if args.models == EVERYDAY:
            raise CatalogError(
                f"The everyday models are not here. 'assistant models pull {EVERYDAY}' fetches "
                "them."
            )
        return False
    if large := [each for each in missing if not _fits(each)]:
        raise CatalogError(
            f"This machine's memory is too small for {large[0].name}, which takes about "
            f"{large[0].memory_mb} MB beside {SPARE_MB} MB for the rest."
        )
    with display("Fetching better ears", sys.stderr if args.json else None) as show:
        for entry in missing:
            elsewhere: list[Progress] = []  # of no interest unless the next source gives something
            for step in Pull(folder, last=SHORT).run(entry):  # somebody waits to be heard
                match step:
                    case Elsewhere():
                        elsewhere.append(step)
                    case Moved(done) if done:
                        while elsewhere:
                            show(elsewhere.pop(0))
                        show(step)
                    case Anew():
                        show(step)
                    case _:
                        pass
    return True


def _agrees(
    args: argparse.Namespace, missing: Sequence[CatalogEntry], note: Callable[[str], None]
) -> bool:
    """Ask whether the models shall be fetched, where that makes sense; a no is remembered."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not (args.json or args.service)
    if not at_terminal or declined_file().exists() or not all(map(_fits, missing)):
        return False
    megabytes = sum(each.size for each in missing) / 1e6
    said = answer(f"Fetch better ears ({megabytes:.0f} MB) now? [Y/n] ")
    if said is None or said in ("", "y", "yes"):
        return said is not None
    with suppress(OSError):  # then it is asked again
        durable.folder(declined_file().parent)
        durable.write(declined_file(), b"")
    note(f"'assistant models pull {EVERYDAY}' fetches them whenever you like.")
    return False


def _changes(names: Sequence[str], settings: Settings) -> Changes:
    """What has to be set for these models to answer.

    Raises:
        AttuneError: if one of them does not open or does not fit.
    """
    from assistant.cli.models.use import changes_for, choose, settings_after  # noqa: PLC0415

    changes: Changes = {}
    for name in names:
        chosen = choose(name, settings)
        changes |= changes_for(chosen, settings, force=False, tell=lambda _: None)
        settings = settings_after(changes, settings)
    return changes


def _this_time(loaded: Loaded, changes: Changes) -> Loaded:
    """The settings with changes that nothing overrides and nobody keeps."""
    defaults = Settings.model_validate({})
    flags: dict[str, object] = {}
    for key, value in changes.items():
        block, _, name = key.partition(".")
        flags[key] = getattr(getattr(defaults, block), name) if value is None else value
    return load({**loaded.flags, **flags}, files=loaded.files)


def _fits(entry: CatalogEntry) -> bool:
    return entry.fits(psutil.virtual_memory().total / 1e6)
