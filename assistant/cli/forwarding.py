"""The commands that only forward a call to the running daemon."""

from __future__ import annotations

import argparse
from functools import partial

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings

FORWARDED = {
    "stop": ("interrupt what is being said; Attune keeps running", None),
    "mute": (
        "stop listening until 'unmute'",
        "The microphone is closed. 'assistant unmute' opens it again.",
    ),
    "unmute": ("listen again after 'mute'", "The microphone is open again."),
    "reload": ("make Attune read its settings again", "Attune has read its settings again."),
}
"""Control methods that are commands: their help text, and what is printed afterwards."""


def register(subparsers: Subparsers, method: str) -> None:
    """Add one of them."""
    text, done = FORWARDED[method]
    parser = subparsers.add_parser(method, help=text)
    parser.set_defaults(run=partial(run, method, done))


def run(
    method: str, done: str | None, _args: argparse.Namespace, settings: Settings, _loaded: Loaded
) -> int:
    """Have the daemon do it; if it refuses, its sentence becomes this command's error."""
    from assistant.control.client import Client  # noqa: PLC0415 - only these commands need it

    Client(settings.control.path).call(method)
    if done is not None:
        print_line(done)
    return 0
