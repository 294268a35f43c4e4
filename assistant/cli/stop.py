"""``assistant stop``: the assistant falls silent."""

from __future__ import annotations

import argparse

from assistant.cli.shared.arguments import Subparsers
from assistant.config import Loaded, Settings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``stop``."""
    parser = subparsers.add_parser("stop", help="break off what is being said; Attune runs on")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the daemon fall silent."""
    Client(settings.control.path).stop()
    return 0
