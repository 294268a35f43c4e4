"""``assistant bridge transfer``: what was learned goes over to another language model."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.cli.shared.ownership import require_own
from assistant.cli.shared.training import display, tell
from assistant.config import Loaded, Settings
from assistant.journal.lineage import Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, entries, find
from assistant.personalise.training.events import Event, Nothing


def add(commands: Subparsers) -> None:
    """Add ``transfer`` to the commands of ``bridge``."""
    parser = commands.add_parser(
        "transfer",
        help="carry a bridge over to another language model",
        description="Carries a bridge over to the language model that generate.path names, without "
        "any recording: by the tokens that both models have.",
    )
    parser.add_argument(
        "version",
        nargs="?",
        metavar="ID",
        help="a version from 'bridge list', or its first letters (default: the one that answers)",
    )
    parser.add_argument(
        "--from",
        dest="old",
        type=Path,
        required=True,
        metavar="OLD.gguf",
        help="the language model that the bridge was made for",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Carry a bridge over, and tell what the gate says of it."""
    require_own(settings, "carry a bridge over")
    # the trainer takes a while to load
    from assistant.personalise.training.transfer import Carried, transfer  # noqa: PLC0415

    version = None if args.version is None else _version(settings, args.version)
    with display() as shown:

        def follow(event: Event | Carried) -> None:
            if isinstance(event, Carried):
                shown.note(f"Carried over as bridge {event.checkpoint.version}. {event.how}.")
            else:
                shown.event(event)

        outcome = transfer(settings, args.old, version, follow)
    if isinstance(outcome, Nothing):
        print_line(outcome.why)
        return 0
    tell(outcome)
    if not outcome.accepted:
        print_line(
            f"'assistant bridge promote {outcome.version} --force' takes it all the same; "
            "'assistant enroll'\ngives recordings to judge it by."
        )
    return 0


def _version(settings: Settings, prefix: str) -> str:
    """The whole version of the bridge that is meant."""
    folder = BridgeFolder(settings.bridges)
    with Journal.open(settings.journal) as journal:
        entry = find(entries(settings.bridge.path, folder, Lineage(journal), None), prefix)
    return BASE if entry.is_base else entry.version
