"""``assistant wyoming``: hearing, answering and speaking for Home Assistant and other programs."""

from __future__ import annotations

import argparse
import sys

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings, WyomingSettings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``wyoming``."""
    subparsers.add_parser("wyoming").set_defaults(run=run)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Serve until Ctrl-C."""
    from assistant.wyoming.server import serve  # noqa: PLC0415 - the other commands do without it

    def ready(told: WyomingSettings) -> None:
        print_line(f"Home Assistant finds Attune at {told.address}, port {told.port}.")
        if told.satellite:
            print_line(f"It answers what is said here, connected to port {told.satellite_port}.")
        if not told.is_open:
            print_line("Only this machine can reach that. For others, set wyoming.address.")
        print_line("Ctrl-C ends it.")
        sys.stdout.flush()

    serve(Client(settings.control.path), settings, on_ready=ready)
    return 0
