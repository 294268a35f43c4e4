"""The commands that only forward a call to the running daemon."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.control.client import Client

_DONE = {
    "mute": "The microphone is closed. 'assistant unmute' opens it again.",
    "unmute": "The microphone is open again.",
    "reload": "Attune has read its settings again.",
}
"""What is printed afterwards."""


def register(subparsers: Subparsers, method: str) -> None:
    """Add the command for a control method; it works whatever else the settings say."""
    parser = subparsers.add_parser(method)
    parser.set_defaults(run_at_socket=partial(run, method))


def run(method: str, _args: argparse.Namespace, socket: Path) -> int:
    """Have the daemon do it; if it refuses, its sentence becomes this command's error."""
    Client(socket).call(method)
    if method in _DONE:
        print_line(_DONE[method])
    return 0
