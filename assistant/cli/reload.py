"""``assistant reload``: the running assistant takes up changed settings."""

from __future__ import annotations

import argparse

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``reload``."""
    parser = subparsers.add_parser("reload", help="have Attune read its settings anew")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the daemon read its settings; broken ones are told, and the old ones stay."""
    Client(settings.control.path).reload()
    print_line("Attune has read its settings anew.")
    return 0
