"""Which models ``assistant run`` uses: those in the settings, the everyday ones or the bundled.

Nothing here stops it from answering: what cannot be downloaded or used is reported in a sentence.
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
        help=f"which models to use this time: '{EVERYDAY}' or '{STARTER}' whatever the settings "
        f"say, '{AUTO}' (default) the everyday ones if no encoder is set",
    )
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="download the everyday models first, if they are to be used and are missing",
    )


def settle(args: argparse.Namespace, loaded: Loaded, note: Callable[[str], None]) -> Loaded:
    """The settings to run with, after downloading the everyday models if requested.

    Args:
        args: the flags of ``run``.
        loaded: the current settings.
        note: called with a sentence about the result.
    """
    if args.models == STARTER:
        return _this_time(loaded, {"encode.path": None, "generate.path": None, "bridge.path": None})
    if _stand(args, loaded):
        return loaded
    try:
        catalogue = read()
        if not _are_here(args, catalogue, loaded.settings, note):
            return loaded
        # it takes a moment to load, and is needed once
        from assistant.cli.models.use import take_up  # noqa: PLC0415

        changes = _changes(catalogue.members(EVERYDAY), loaded.settings)
        if args.models == EVERYDAY:
            return _this_time(loaded, changes)
        file = loaded.files[-1]
        take_up(changes, loaded, file)
    except AttuneError as error:
        # 'models pull' gives the full advice
        what = error.why if isinstance(error, SourceError) else str(error).rstrip(".")
        note(f"{what[:1].upper()}{what[1:]}; until then Attune uses the models it has.")
        return loaded
    note(
        f"The everyday models are used from now on, as {file} says; 'assistant models use "
        f"{STARTER}' switches back."
    )
    return loaded.again()


def _stand(args: argparse.Namespace, loaded: Loaded) -> bool:
    """Whether the settings stay as they are."""
    settings = loaded.settings
    is_set = "encode.path" in loaded.origins or settings.models.everyday == "off"
    if args.models == AUTO and (is_set or args.service):
        return True
    return Client(settings.control.path).is_running()  # and this run will be refused


def declined_file() -> Path:
    """The file that records that the user does not want to be asked again."""
    return user_data_path("attune") / "everyday-declined"


def _are_here(
    args: argparse.Namespace, catalogue: Catalog, settings: Settings, note: Callable[[str], None]
) -> bool:
    """Whether the everyday models are installed, perhaps just now.

    Raises:
        CatalogError: if they are requested and cannot be downloaded.
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
                "The everyday models are not installed. 'assistant models pull "
                f"{EVERYDAY}' downloads them."
            )
        return False
    if large := [each for each in missing if not _fits(each)]:
        raise CatalogError(
            f"This machine's memory is too small for {large[0].name}, which takes about "
            f"{large[0].memory_mb} MB beside {SPARE_MB} MB for the rest."
        )
    with display(
        "Downloading better speech recognition", sys.stderr if args.json else None
    ) as show:
        for entry in missing:
            elsewhere: list[Progress] = []  # shown only once the next source delivers
            for step in Pull(folder, last=SHORT).run(entry):  # the user is waiting to speak
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
    """Ask whether to download the models, where that makes sense; a no is remembered."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not (args.json or args.service)
    if not at_terminal or declined_file().exists() or not all(map(_fits, missing)):
        return False
    megabytes = sum(each.size for each in missing) / 1e6
    said = answer(f"Download better speech recognition ({megabytes:.0f} MB) now? [Y/n] ")
    if said is None or said in ("", "y", "yes"):
        return said is not None
    with suppress(OSError):  # then the question comes again
        durable.folder(declined_file().parent)
        durable.write(declined_file(), b"")
    note(f"'assistant models pull {EVERYDAY}' downloads them whenever you like.")
    return False


def _changes(names: Sequence[str], settings: Settings) -> Changes:
    """The settings that make these models answer, once each of them has been opened."""
    from assistant.cli.models.use import changes_for, choose, settings_after  # noqa: PLC0415

    changes: Changes = {}
    for name in names:
        chosen = choose(name, settings)
        changes |= changes_for(chosen, settings, force=False, note=lambda _: None)
        settings = settings_after(changes, settings)
    return changes


def _this_time(loaded: Loaded, changes: Changes) -> Loaded:
    """The settings with changes that override everything else and are not saved."""
    defaults = Settings.model_validate({})
    flags: dict[str, object] = {}
    for key, value in changes.items():
        block, _, name = key.partition(".")
        flags[key] = getattr(getattr(defaults, block), name) if value is None else value
    return load({**loaded.flags, **flags}, files=loaded.files)


def _fits(entry: CatalogEntry) -> bool:
    return entry.fits(psutil.virtual_memory().total / 1e6)
