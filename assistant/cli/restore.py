"""``assistant restore``: replaces what is there with the contents of a backup."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import BackupError
from assistant.household.kept import Kept
from assistant.household.nouns import ACTS
from assistant.journal.backup import Places
from assistant.journal.lineage import Lineage
from assistant.journal.restore import restore
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import pending
from assistant.personalise.bridges.folder import BridgeFolder

_EVER_DAYS = 100 * 365


def register(subparsers: Subparsers) -> None:
    """Add ``restore``."""
    parser = subparsers.add_parser(
        "restore", help="restore a backup; what it replaces is kept next to it"
    )
    parser.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="written by 'assistant backup'"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Check the archive, restore it and print where the replaced files are kept."""

    def require_silence() -> None:
        if Client(settings.control.path).is_running():
            raise BackupError(
                "Attune is running. Stop it, then restore again; nothing was changed."
            )

    require_silence()
    places = Places(settings.journal.path, settings.bridges)
    manifest, kept = restore(args.archive.expanduser(), places, require_silence, read_all)
    print_line(
        f"Restored: exchanges {manifest.exchanges}, learned bridges {manifest.bridges}, as of "
        f"{manifest.made_at.astimezone():%Y-%m-%d %H:%M}."
    )
    for path in kept:
        print_line(f"What it replaced is kept as {path}.")
    if kept:
        print_line("Delete that once all is well; 'assistant forget-me' erases it, too.")
    print_line("Anything you erased after the backup is back as well; erase it again.")
    return 0


def read_all(places: Places) -> None:
    """Read every record; what Attune did not write would stop it later."""
    with Journal(places.journal) as journal:
        for _ in journal.turns():
            pass
        Lineage(journal).records()
        pending(journal)
        kept = Kept(journal)
        for noun in ACTS:
            kept.kept(noun)
        kept.past_reminders(_EVER_DAYS)
    _ = BridgeFolder(places.bridges).current
