"""``assistant home``: talks to the home, so that the daemon needs no network."""

from __future__ import annotations

import argparse
import sys

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_error, print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import ConfigError


def register(subparsers: Subparsers) -> None:
    """Add ``home``."""
    home = subparsers.add_parser("home")
    home.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Pass on what is asked and what happens, until Ctrl-C."""
    from assistant.home.secrets import secret  # noqa: PLC0415 - '--help' does without
    from assistant.home.service import serve  # noqa: PLC0415

    home = settings.home
    if not home.is_set:
        raise ConfigError(
            "No home is set. Set home.url to the address of Home Assistant, or home.mqtt or "
            "home.event_command for who is told of what happens; docs/home-control.md says how."
        )
    if home.url is not None:
        secret(home.token_file, "home.token_file")  # said now, and not when it is needed
        print_line(f"What only your home can do is passed on to {home.url}.")
    if home.tells:
        told = " and ".join(filter(None, (home.mqtt, " ".join(home.event_command))))
        print_line(f"What happens in the household is told to {told}.")
    print_line("Ctrl-C ends it.")
    sys.stdout.flush()
    serve(Client(settings.control.path), home, print_error)
    return 0
