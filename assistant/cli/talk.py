"""``assistant talk``: holds the talk button down until Enter."""

from __future__ import annotations

import argparse
import select
import sys
from contextlib import suppress
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.control.client import HOLD_S, Client


def register(subparsers: Subparsers) -> None:
    """Add ``talk``."""
    parser = subparsers.add_parser("talk")
    parser.set_defaults(run_at_socket=run)


def run(_args: argparse.Namespace, socket: Path) -> int:
    """Hold the button down until Enter or Ctrl-C."""
    with Client(socket).talking() as hold, suppress(KeyboardInterrupt):
        print_line("Speak, and press Enter when you have finished.")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], HOLD_S)[0]:
            hold()
        sys.stdin.readline()  # so that the shell does not read it
    return 0
