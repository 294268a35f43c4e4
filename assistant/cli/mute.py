"""``assistant mute``: the microphone is closed."""

from __future__ import annotations

import argparse

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``mute``."""
    parser = subparsers.add_parser("mute", help="stop listening until 'unmute'")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the daemon close the microphone."""
    Client(settings.control.path).mute()
    print_line("The microphone is closed. 'assistant unmute' opens it again.")
    return 0
