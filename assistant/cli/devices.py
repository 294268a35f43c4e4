"""``assistant devices``: the available microphones and loudspeakers."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from assistant.audio import portaudio
from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_json, print_line, print_table
from assistant.config import Loaded, Settings


def register(subparsers: Subparsers) -> None:
    """Add ``devices``."""
    parser = subparsers.add_parser("devices")
    parser.add_argument("--json", action="store_true", help="print one JSON object per device")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, _settings: Settings, _loaded: Loaded) -> int:
    """Print them, with the defaults marked."""
    found = portaudio.devices()
    if args.json:
        for device in found:
            print_json({name: value for name, value in asdict(device).items() if name != "index"})
    elif found:
        print_table(
            ("KIND", "NAME", "RATE", "DEFAULT"),
            [
                (device.kind.value, device.name, str(device.sample_rate), "*" * device.default)
                for device in found
            ],
        )
    else:
        print_line(
            "No sound device was found. Connect a microphone and a loudspeaker, and make sure "
            "that your user is in the group 'audio'."
        )
    return 0
