"""``assistant restore``: what a backup holds, put in place of what is there."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import BackupError
from assistant.journal.backup import Places
from assistant.journal.restore import restore


def register(subparsers: Subparsers) -> None:
    """Add ``restore``."""
    parser = subparsers.add_parser(
        "restore", help="put a backup in place; what was there is kept beside it"
    )
    parser.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="written by 'assistant backup'"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Check the archive, put it in place and tell what was there."""

    def require_silence() -> None:
        if Client(settings.control.path).is_running():
            raise BackupError(
                "Attune is running. Stop it, then restore again; nothing was changed."
            )

    require_silence()
    places = Places(settings.journal.path, settings.bridges)
    manifest, kept = restore(args.archive.expanduser(), places, require_silence)
    print_line(
        f"Restored: exchanges {manifest.exchanges}, learned bridges {manifest.bridges}, as of "
        f"{manifest.made_at.astimezone():%Y-%m-%d %H:%M}."
    )
    for path in kept:
        print_line(f"What was there is kept as {path}.")
    if kept:
        print_line("'assistant forget-me' erases that, too; remove it once all is well.")
    print_line("What was erased after the backup is back, too; erase it again if it is there.")
    return 0
