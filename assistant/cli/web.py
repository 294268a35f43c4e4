"""``assistant web``: the page for whoever helps, and who is let in."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.output import print_json, print_line, print_table
from assistant.config import Loaded, Settings, WebSettings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``web`` and its commands."""
    web = subparsers.add_parser("web")
    web.set_defaults(run=run)
    commands = web.add_subparsers(metavar="COMMAND")

    pair = commands.add_parser("pair", help="a code with which one more device is let in")
    pair.add_argument("--reader", action="store_true", help="which may only see what was said")
    pair.set_defaults(run=run_pair)

    devices = commands.add_parser("devices", help="all devices that are let in")
    devices.add_argument("--json", action="store_true", help="print one JSON object per device")
    devices.set_defaults(run=run_devices)

    remove = commands.add_parser("remove", help="let a device in no more")
    remove.add_argument("number", type=positive, metavar="NUMBER", help="of 'web devices'")
    remove.set_defaults(run=run_remove)


def run(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Serve the page until Ctrl-C."""
    from assistant.web.server import serve  # noqa: PLC0415 - the other commands do without it

    def ready(address: str) -> None:
        print_line(f"The page is at {address}")
        print_line("'assistant web pair' lets a phone or a computer in. Ctrl-C ends the page.")
        sys.stdout.flush()

    serve(Client(settings.control.path), settings.web, on_ready=ready)
    return 0


def run_pair(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print a code, the address and a picture to scan."""
    import segno  # noqa: PLC0415 - only this command draws

    code = Client(settings.control.path).invite("reader" if args.reader else "helper")
    for address in addresses(settings.web):
        print_line(f"Open {address}/pair")
    print_line(f"and enter {code} within ten minutes. Or scan this:\n")
    found = segno.make(f"{addresses(settings.web)[0]}/pair#{code}", error="m")
    found.terminal(compact=True)
    if settings.web.is_open:
        _print_fingerprint(settings.web.folder)
    else:
        print_line("\nOnly this machine can open that. For phones, set web.address to 0.0.0.0.")
    return 0


def run_devices(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print who is let in."""
    helpers = Client(settings.control.path).helpers()
    if args.json:
        for helper in helpers:
            print_json(helper.model_dump(mode="json"))
    elif helpers:
        rows = [(str(each.id), each.name, each.role) for each in helpers]
        print_table(("NUMBER", "DEVICE", "MAY"), rows)
    else:
        print_line("No device is let in. 'assistant web pair' lets one in.")
    return 0


def run_remove(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Let a device in no more."""
    Client(settings.control.path).shut_out(args.number)
    print_line("That device is let in no more.")
    return 0


def addresses(settings: WebSettings) -> list[str]:
    """Where the page is found, what a phone finds most surely first."""
    if not settings.is_open:
        return [f"http://localhost:{settings.port}"]
    hosts = [*settings.names, *_local_addresses(), f"{socket.gethostname()}.local"]
    return [f"https://{host}:{settings.port}" for host in hosts]


def _local_addresses() -> list[str]:
    """IPv4 addresses of this machine in its networks."""
    import psutil  # noqa: PLC0415 - takes a while

    found = [
        each.address
        for name, all_of_it in psutil.net_if_addrs().items()
        for each in all_of_it
        if each.family == socket.AF_INET and not name.startswith(("lo", "docker", "veth", "br-"))
    ]
    return [address for address in found if not address.startswith("127.")]


def _print_fingerprint(folder: Path) -> None:
    from assistant.web.certificate import Files, fingerprint  # noqa: PLC0415

    print_line("\nThe browser warns once, because this machine vouches for itself. ")
    if (found := fingerprint(Files(folder))) is not None:
        print_line(f"Its certificate's SHA-256 is\n  {found}")
