"""``assistant doctor``: checks every part and suggests fixes."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import plain, print_json, print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.daemon.examination import reported
from assistant.doctor import bundle
from assistant.doctor.checks import CHECKS
from assistant.doctor.examine import examine
from assistant.doctor.finding import Finding, Level
from assistant.doctor.settings import broken, valid
from assistant.doctor.subject import Daemon, Subject
from assistant.errors import ConfigError, ControlError


def register(subparsers: Subparsers) -> None:
    """Add ``doctor``."""
    parser = subparsers.add_parser("doctor")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--quick", action="store_true", help="make no sound: skip the checks that can be heard"
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="also write an archive (.tar.gz) to send to someone who helps you, without "
        "recordings or anything that was said",
    )
    parser.set_defaults(run=run, run_without_settings=run_without_settings)


def run(args: argparse.Namespace, _settings: Settings, loaded: Loaded) -> int:
    """Print one line per check; exit status 1 if one of them failed."""
    return _report(args, loaded, valid(loaded))


def run_without_settings(args: argparse.Namespace, error: ConfigError) -> int:
    """The same if the settings cannot be read: with those that can be, else the defaults."""
    return _report(args, *broken(error))


def _report(args: argparse.Namespace, loaded: Loaded, settings: Finding) -> int:
    checks = [check for check in CHECKS if not (args.quick and check.is_loud)]
    findings = {"settings": settings}
    if not args.json:
        _print("settings", settings)
    subject = Subject(loaded.settings, daemon(loaded.settings))
    for check, finding in examine(subject, checks):
        findings[check.name] = finding
        if not args.json:
            _print(check.name, finding)
    failed, warned = (
        sum(finding.level is level for finding in findings.values())
        for level in (Level.FAIL, Level.WARN)
    )
    if args.json:
        print_json(
            {
                "failed": failed,
                "warned": warned,
                "findings": [
                    {"check": name, **finding.as_json()} for name, finding in findings.items()
                ],
            }
        )
    else:
        print_line(f"\n{len(findings)} checks: {failed} failed, {warned} warned.")
    if args.bundle is not None:
        bundle.write(args.bundle, bundle.contents(findings, loaded))
        if not args.json:
            print_line(f"Written to {args.bundle}, without recordings or anything that was said.")
    return 1 if failed else 0


def _print(name: str, finding: Finding) -> None:
    print_line(f"{finding.level.value:<4}  {name:<15}  {plain(finding.text)}")


def daemon(settings: Settings) -> Daemon:
    """What the running daemon reports about its health."""
    client = Client(settings.control.path)
    try:
        if not client.is_running():
            return Daemon()
        status = client.status()
    except ControlError as error:
        return Daemon(trouble=str(error))
    return reported(status)
