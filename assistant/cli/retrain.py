"""``assistant retrain``: learn now, through the daemon if it is running."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.cli.shared.training import Bar, Lines, display, tell, train_here
from assistant.cli.shared.verdict import add_verbose
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.control.messages import Status
from assistant.errors import TrainingError
from assistant.personalise.training.events import Collected, Event, Failed, Judged, Nothing
from assistant.personalise.training.request import Request

QUIET_S = 2.0
"""Time without news after which the daemon is asked what it is waiting for."""


def register(subparsers: Subparsers) -> None:
    """Add ``retrain``."""
    parser = subparsers.add_parser("retrain")
    parser.add_argument(
        "--wait", action="store_true", help="wait for the verdict when the daemon trains"
    )
    parser.add_argument("--minutes", type=_minutes, metavar="N", help="train for at most N minutes")
    parser.add_argument(
        "--from",
        dest="start",
        choices=("current", "base", "scratch"),
        default="current",
        help="where to start: the bridge in use, the base bridge, or random weights",
    )
    add_verbose(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Ask the daemon to train, or train here if it is not running."""
    request = Request(args.start, args.minutes)
    client = Client(settings.control.path)
    if not client.is_running():
        return train_here(settings, request, verbose=args.verbose)
    if args.wait:
        return _wait(client, request, verbose=args.verbose)
    client.retrain(request.start, request.minutes)
    print_line("Attune will train as soon as it is idle. 'assistant status' shows the progress.")
    return 0


def _wait(client: Client, request: Request, *, verbose: bool) -> int:
    with client.events(QUIET_S) as events, display() as shown:
        client.retrain(request.start, request.minutes)
        try:
            outcome = _outcome(events, client, shown)
        except KeyboardInterrupt:
            sys.stderr.write("The training continues. 'assistant status' shows the progress.\n")
            raise
    tell(outcome, verbose=verbose)
    return 0


def _outcome(
    events: Iterator[Event | None], client: Client, shown: Bar | Lines
) -> Judged | Nothing:
    """Show a training until it ends."""
    began = False
    while True:
        event = next(events)
        if event is None:
            for note in _notes(client.status()):
                shown.note(note)
            continue
        shown.event(event)
        began = began or isinstance(event, Collected)
        if isinstance(event, Failed):
            raise TrainingError(f"The training failed: {event.error}")
        # a verdict before the start belongs to an earlier training
        if began and isinstance(event, Judged | Nothing):
            return event


def _notes(status: Status) -> Iterator[str]:
    if status.state == "paused":
        yield "Paused while somebody speaks."
    elif status.waits:
        yield f"Waiting: {'; '.join(status.waits)}."


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return minutes
