"""``assistant log import``: recordings and texts from elsewhere, to learn from."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.config import Loaded, Settings
from assistant.journal.store import Journal
from assistant.journal.turn import Taught


def add(commands: Subparsers) -> None:
    """Add ``import`` to the commands of ``log``."""
    parser = commands.add_parser(
        "import",
        help="import recordings with their texts, to learn from",
        description="Imports a folder of recordings with a .txt file next to each, a table (CSV or "
        "TSV with the columns path and text), or TalkBank CHAT transcripts with their recordings.",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="a folder, a table or a transcript")
    parser.add_argument(
        "--participant",
        metavar="CODE",
        help="whose sentences to take from CHAT transcripts (default: PAR, else CHI)",
    )
    parser.add_argument(
        "--audio", type=Path, metavar="FOLDER", help="where the recordings are, if elsewhere"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only show what would be imported, and as which text"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Import everything usable; the rest is reported and left out."""
    # readers of sound and of many formats, which the other commands of 'log' do without
    from assistant.cli.shared.intake import Intake  # noqa: PLC0415
    from assistant.personalise.data.corpus import pairs  # noqa: PLC0415

    with Journal.open(settings.journal) as journal:
        intake = Intake(journal, Taught.IMPORTED, dry_run=args.dry_run, quiet=args.json)
        finish = intake.print_json if args.json else intake.print_summary
        try:
            intake.take(pairs(args.path, participant=args.participant, audio=args.audio))
        except BaseException:  # Ctrl-C, a full disk: what has been imported stays
            if intake.imported:
                finish()
            raise
        finish()
    return intake.status
