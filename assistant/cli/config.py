"""``assistant config``: the settings in force."""

from __future__ import annotations

import argparse
import json

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_json, print_line, print_table
from assistant.config import ENV_PREFIX, Loaded, Settings


def register(subparsers: Subparsers) -> None:
    """Add ``config show``."""
    config = subparsers.add_parser("config", help="show the settings in force")
    commands = config.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="every setting, where it came from and its value")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)


def run_show(args: argparse.Namespace, _settings: Settings, loaded: Loaded) -> int:
    """Print every setting with its origin, and the files that were searched."""
    rows = loaded.rows()
    if args.json:
        print_json(
            {
                "files": [{"path": str(path), "exists": path.exists()} for path in loaded.files],
                "settings": {
                    key: {"value": value, "origin": origin} for key, value, origin in rows
                },
                "moved": loaded.moved(),
            }
        )
        return 0
    print_table(
        ("SETTING", "ORIGIN", "VALUE"),
        [(key, origin, json.dumps(value, ensure_ascii=False)) for key, value, origin in rows],
        width=None,
    )
    print_line("\nRead in this order, later ones take precedence: the built-in defaults,")
    for path in loaded.files:
        print_line(f"  {path}{'' if path.exists() else ' (does not exist)'},")
    print_line(f"  environment variables such as {ENV_PREFIX}LISTEN__SILENCE_MS=1200,")
    print_line("  flags on the command line.")
    for sentence in ("", *loaded.moved()) if loaded.moved() else ():
        print_line(sentence)
    return 0
