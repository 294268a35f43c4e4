"""``assistant backup``: everything that was said and learned, saved in one file."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.errors import BackupError
from assistant.journal.backup import Places, pack
from assistant.journal.retention import MEGABYTE


def register(subparsers: Subparsers) -> None:
    """Add ``backup``."""
    parser = subparsers.add_parser("backup")
    parser.add_argument("target", type=Path, metavar="FILE_OR_FOLDER", help="where to save them")
    parser.add_argument("--force", action="store_true", help="overwrite an earlier backup")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Write the archive and print what is in it."""
    now = datetime.now().astimezone()
    archive: Path = args.target.expanduser()
    if archive.is_dir():
        archive /= f"attune-{now:%Y%m%d-%H%M%S}.tar"
    if archive.exists() and not args.force:
        raise BackupError(
            f"{archive} already exists. Choose another file or a folder, or add --force to "
            "overwrite it."
        )
    manifest = pack(Places(settings.journal.path, settings.bridges), archive, now)
    print_line(f"Saved: exchanges {manifest.exchanges}, learned versions {manifest.bridges}.")
    print_line(f"Backup: {archive} ({archive.stat().st_size / MEGABYTE:.1f} MB)")
    print_line("Anyone who has this file can hear and read what was said: keep it safe.")
    return 0
