"""``assistant config``: the settings in force, and changes to them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_error, print_json, print_line, print_table
from assistant.config import (
    ENV_PREFIX,
    Loaded,
    Settings,
    files_read,
    given,
    load,
    socket_path,
)
from assistant.control.client import Client
from assistant.errors import ConfigError


def register(subparsers: Subparsers) -> None:
    """Add the commands of ``config``."""
    config = subparsers.add_parser("config")
    commands = config.add_subparsers(metavar="COMMAND", required=True)

    show = commands.add_parser("show", help="every setting, where it came from and its value")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show, run_without_settings=run_show_what_is_given)

    setting = commands.add_parser("set", help="change a setting in your settings file")
    setting.add_argument("key", metavar="KEY", help="its name, such as speak.rate_wpm")
    setting.add_argument("value", nargs="+", metavar="VALUE", help="several for a list")
    _add_system(setting)
    setting.set_defaults(run=run_set, run_without_settings=run_set)

    unset = commands.add_parser("unset", help="take a setting out of your settings file")
    unset.add_argument("key", metavar="KEY", help="its name, even of one that there is not")
    _add_system(unset)
    unset.set_defaults(run=run_unset, run_without_settings=run_unset)


def _add_system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--system", action="store_true", help="for the service: change the system's settings"
    )


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
    _print(rows, loaded.files)
    for sentence in ("", *loaded.moved()) if loaded.moved() else ():
        print_line(sentence)
    return 0


def _print(rows: Sequence[tuple[str, object, str]], files: Sequence[Path]) -> None:
    print_table(
        ("SETTING", "ORIGIN", "VALUE"),
        [(key, origin, json.dumps(value, ensure_ascii=False)) for key, value, origin in rows],
        width=None,
    )
    print_line("\nRead in this order, later ones take precedence: the built-in defaults,")
    for path in files:
        print_line(f"  {path}{'' if path.exists() else ' (does not exist)'},")
    print_line(f"  environment variables such as {ENV_PREFIX}LISTEN__SILENCE_MS=1200,")
    print_line("  flags on the command line.")


def run_show_what_is_given(args: argparse.Namespace, error: ConfigError) -> int:
    """Print the settings that cannot be used, and what there is beside them."""
    defaults = {key: value for key, value, _ in load(environ={}, files=()).rows()}
    found = {key: (value, "default") for key, value in defaults.items()} | given()
    if args.json:
        raise error
    _print([(key, value, origin) for key, (value, origin) in found.items()], files_read())
    print_line()
    print_error(str(error))
    return 1


def run_set(args: argparse.Namespace, *_settings: object) -> int:
    """Check a value as it will count, and write it; the settings before need not be usable."""
    _write(args.key, _checked(args.key, args.value), system=args.system)
    return 0


def run_unset(args: argparse.Namespace, *_settings: object) -> int:
    """Take a key out, whether it is a setting or a slip; fails if there is another slip."""
    file = _file(system=args.system)
    if args.key not in given(environ={}, files=(file,)):
        raise ConfigError(f"{file} does not set {args.key}. 'assistant config show' lists all.")
    _write(args.key, None, system=args.system)
    return 0


def _checked(key: str, words: Sequence[str]) -> object:
    """What is to be written: a number or a list as such, and everything else as it was typed.

    Raises:
        ConfigError: if there is no such setting, or it cannot have this value.
    """
    several = isinstance(load(environ={}, files=()).value(key), list)
    typed: object = list(words) if several else " ".join(words)
    value = load({key: typed}).value(key)
    return value if isinstance(value, bool | int | float) else typed


def _write(key: str, value: object, *, system: bool) -> None:
    # keeping a file as it is takes a parser of its own
    from assistant.config.edit import take_up  # noqa: PLC0415

    files, file, client = files_read(), _file(system=system), Client(socket_path())
    origins = {name: origin for name, (_, origin) in given().items()}
    take_up({key: value}, origins, files, file)
    print_line(f"Settings changed in {file}: {key}.")
    load()  # whether there is another slip
    if client.is_running():
        client.reload()
        print_line("Attune has read its settings again.")


def _file(*, system: bool) -> Path:
    return files_read()[0 if system else -1]
