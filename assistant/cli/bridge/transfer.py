"""``assistant bridge transfer``: moves what was learned to another language model."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.bridge.record import listed
from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.cli.shared.ownership import require_own
from assistant.cli.shared.training import display, tell
from assistant.cli.shared.verdict import add_verbose
from assistant.config import Loaded, Settings
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, find
from assistant.personalise.training.events import Event, Nothing


def add(commands: Subparsers) -> None:
    """Add ``transfer`` to the commands of ``bridge``."""
    parser = commands.add_parser(
        "transfer",
        help="transfer a bridge to another language model",
        description="Transfers a bridge to the language model in generate.path without any "
        "recordings, by the tokens that both models have.",
    )
    parser.add_argument(
        "version",
        nargs="?",
        metavar="ID",
        help="a version from 'bridge list', or its first letters (default: the one in use)",
    )
    parser.add_argument(
        "--from",
        dest="old",
        type=Path,
        required=True,
        metavar="OLD.gguf",
        help="the language model that the bridge was made for",
    )
    add_verbose(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Transfer a bridge, and print the gate's verdict on it."""
    require_own(settings, "transfer a bridge")
    # the trainer takes a while to load
    from assistant.personalise.training.transfer import Carried, transfer  # noqa: PLC0415

    version = None if args.version is None else _version(settings, args.version)
    with display() as shown:

        def follow(event: Event | Carried) -> None:
            if isinstance(event, Carried):
                shown.note(f"Transferred as bridge {event.checkpoint.version}. {event.how}.")
            else:
                shown.event(event)

        outcome = transfer(settings, args.old, version, follow)
    if isinstance(outcome, Nothing):
        print_line(outcome.why)
        return 0
    tell(outcome, verbose=args.verbose)
    if not outcome.accepted:
        print_line(
            f"'assistant bridge promote {outcome.version} --force' uses it anyway; "
            "'assistant enroll'\nadds recordings to judge it on."
        )
    return 0


def _version(settings: Settings, prefix: str) -> str:
    """The full version of a bridge, given its first letters."""
    entry = find(listed(settings, BridgeFolder(settings.bridges), None), prefix)
    return BASE if entry.is_base else entry.version
