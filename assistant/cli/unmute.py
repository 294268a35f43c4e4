"""``assistant unmute``: the microphone is open again."""

from __future__ import annotations

import argparse

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``unmute``."""
    parser = subparsers.add_parser("unmute", help="listen again after 'mute'")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the daemon open the microphone."""
    Client(settings.control.path).unmute()
    print_line("The microphone is open again.")
    return 0
