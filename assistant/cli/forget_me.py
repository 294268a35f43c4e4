"""``assistant forget-me``: erases everything that was said and learned; the settings stay."""

from __future__ import annotations

import argparse

from assistant.cli.shared import erasure
from assistant.cli.shared.arguments import Subparsers
from assistant.config import Loaded, Settings
from assistant.journal.deletion import with_room
from assistant.journal.store import Journal


def register(subparsers: Subparsers) -> None:
    """Add ``forget-me``."""
    parser = subparsers.add_parser("forget-me")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Erase everything, after asking."""
    with with_room(settings.journal.path), Journal.open(settings.journal) as journal:
        return erasure.forget(journal, settings, yes=args.yes).status
