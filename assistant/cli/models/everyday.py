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
from assistant.catalog.entries import SPARE_MB, STARTER, Catalog, CatalogEntry, Role, read
from assistant.catalog.failure import SourceError
from assistant.catalog.folder import ModelFolder
from assistant.catalog.patience import SHORT
from assistant.catalog.progress import Anew, Elsewhere, Moved, Progress
from assistant.catalog.pull import Pull
from assistant.cli.models.display import display
from assistant.cli.shared.keys import answer
from assistant.config import Loaded, Settings, load
from assistant.config.edit import take_up
from assistant.control.client import Client
from assistant.errors import AttuneError, BridgeError, CatalogError
from assistant.personalise.bridges.folder import BridgeFolder

if TYPE_CHECKING:
    from assistant.cli.models.use import Changes

AUTO, EVERYDAY = "auto", "everyday"

_SETTING = {Role.ENCODER: "encode.path", Role.LLM: "generate.path"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which models answer."""
    parser.add_argument(
        "--models",
        choices=(AUTO, EVERYDAY, STARTER),
        default=AUTO,
        help=f"which models to use this time: '{EVERYDAY}' or '{STARTER}' whatever the settings "
        f"say, '{AUTO}' (default) the everyday ones in place of those that are not set",
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
        changes = _found(args, loaded, note)
        if changes and args.models == EVERYDAY:
            return _this_time(loaded, changes)
        file = loaded.files[-1]
        if changes:
            take_up(changes, loaded.origins, loaded.files, file)
    except AttuneError as error:
        note(_goes_on(error))
        return loaded
    if not changes:
        return loaded
    note(
        f"The everyday models are used from now on, as {file} says; 'assistant models use "
        f"{STARTER}' switches back."
    )
    return loaded.again()


def _stand(args: argparse.Namespace, loaded: Loaded) -> bool:
    """Whether the settings stay as they are, whatever the everyday models are."""
    return args.models == AUTO and (loaded.settings.models.everyday == "off" or args.service)


def _found(args: argparse.Namespace, loaded: Loaded, note: Callable[[str], None]) -> Changes:
    """The settings that everyday models need that are here, perhaps just now.

    Raises:
        AttuneError: if one that is here cannot be used, or one that is requested is not here.
    """
    wanted = _wanted(args, read(), loaded)
    if not wanted or Client(loaded.settings.control.path).is_running():
        return {}  # if it is running, this run will be refused
    return _changes(_here(args, wanted, loaded.settings, note), loaded.settings)


def _wanted(
    args: argparse.Namespace, catalogue: Catalog, loaded: Loaded
) -> tuple[CatalogEntry, ...]:
    """All everyday models if they are requested, else those in whose place nothing is set.

    Bridges that were learned for a language model would not fit another one.
    """
    every = catalogue.find_all(EVERYDAY)
    if args.models == EVERYDAY:
        return every
    kept = {role for role, key in _SETTING.items() if key in loaded.origins}
    with suppress(BridgeError):
        if BridgeFolder(loaded.settings.bridges).current is not None:
            kept.add(Role.LLM)
    return tuple(entry for entry in every if entry.role not in kept)


def _goes_on(error: AttuneError) -> str:
    """What went wrong, without the full advice that 'models pull' gives."""
    what = error.why if isinstance(error, SourceError) else str(error).rstrip(".")
    return f"{what[:1].upper()}{what[1:]}; until then Attune uses the models it has."


def declined_file() -> Path:
    """The file that records that the user does not want to be asked again."""
    return user_data_path("attune") / "everyday-declined"


def _here(
    args: argparse.Namespace,
    wanted: Sequence[CatalogEntry],
    settings: Settings,
    note: Callable[[str], None],
) -> list[str]:
    """Names of those models that are installed, some perhaps just now.

    Raises:
        CatalogError: if they are requested and are not all here.
    """
    folder = ModelFolder(settings.models.folder)
    installed = folder.names()
    missing = [each for each in wanted if each.name not in installed]
    may_fetch = args.fetch and not args.service
    if missing and (may_fetch or _agrees(args, missing, note)):
        _fetch(args, folder, missing, note)
    elif missing and args.models == EVERYDAY:
        raise CatalogError(
            "The everyday models are not installed. 'assistant models pull "
            f"{EVERYDAY}' downloads them."
        )
    installed = folder.names()
    return [each.name for each in wanted if each.name in installed]


def _fetch(
    args: argparse.Namespace,
    folder: ModelFolder,
    missing: Sequence[CatalogEntry],
    note: Callable[[str], None],
) -> None:
    """Download models; one that fails does not keep the others from being used.

    Raises:
        AttuneError: if one fails that was requested.
    """
    with display(f"Downloading {_about()}", sys.stderr if args.json else None) as show:
        failures = [each for entry in missing if (each := _failure(entry, folder, show))]
    for each in failures:
        if args.models == EVERYDAY:
            raise each
        note(_goes_on(each))


def _failure(
    entry: CatalogEntry, folder: ModelFolder, show: Callable[[Progress], None]
) -> AttuneError | None:
    """Download a model; why it failed, if it did."""
    try:
        _pull(entry, folder, show)
    except AttuneError as error:
        return error
    return None


def _pull(entry: CatalogEntry, folder: ModelFolder, show: Callable[[Progress], None]) -> None:
    """Download a model.

    Raises:
        CatalogError: if the machine is too small for it, or no source has it.
    """
    if not _fits(entry):
        raise CatalogError(
            f"This machine's memory is too small for {entry.name}, which takes about "
            f"{entry.memory_mb} MB beside {SPARE_MB} MB for the rest."
        )
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


def _about() -> str:
    """What the everyday models are, in words for a person."""
    return next((each.about for each in read().sets if each.name == EVERYDAY), EVERYDAY)


def _agrees(
    args: argparse.Namespace, missing: Sequence[CatalogEntry], note: Callable[[str], None]
) -> bool:
    """Ask whether to download the models, where that makes sense; a no is remembered."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not (args.json or args.service)
    if not at_terminal or declined_file().exists() or not all(map(_fits, missing)):
        return False
    megabytes = sum(each.size for each in missing) / 1e6
    said = answer(f"Download {_about()} ({megabytes:.0f} MB) now? [Y/n] ")
    if said is None or said in ("", "y", "yes"):
        return said is not None
    with suppress(OSError):  # then the question comes again
        durable.folder(declined_file().parent)
        durable.write(declined_file(), b"")
    note(f"'assistant models pull {EVERYDAY}' downloads them whenever you like.")
    return False


def _changes(names: Sequence[str], settings: Settings) -> Changes:
    """The settings that make these models answer, once each of them has been opened."""
    changes: Changes = {}
    if not names:
        return changes
    from assistant.cli.models.use import changes_for, choose, settings_after  # noqa: PLC0415

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
