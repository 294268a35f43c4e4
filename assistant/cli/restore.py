"""``assistant restore``: replaces what is there with the contents of a backup."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.cli.shared.ownership import require_own
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import BackupError
from assistant.journal.backup import Places
from assistant.journal.restore import restore
from assistant.proofreading import read_all


def register(subparsers: Subparsers) -> None:
    """Add ``restore``."""
    parser = subparsers.add_parser("restore")
    parser.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="written by 'assistant backup'"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Check the archive, restore it and print where the replaced files are kept."""

    def require_silence(_staged: object = None) -> None:
        if Client(settings.control.path).is_running():
            raise BackupError(
                "Attune is running. Stop it, then restore again; nothing was changed."
            )

    require_own(settings, "restore a backup")
    require_silence()
    places = Places(settings.journal.path, settings.bridges)
    manifest, kept = restore(args.archive.expanduser(), places, require_silence, read_all)
    print_line(
        f"Restored: exchanges {manifest.exchanges}, learned versions {manifest.bridges}, as of "
        f"{manifest.made_at.astimezone():%Y-%m-%d %H:%M}."
    )
    for path in kept:
        print_line(f"What it replaced is kept as {path}.")
    if kept:
        print_line("Delete that once all is well; 'assistant forget-me' erases it, too.")
    print_line("Anything you erased after the backup is back as well; erase it again.")
    return 0
