"""``assistant status``: what Attune is doing, has learned, and is waiting for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.condition import duration, hears, other_warnings, speaks
from assistant.cli.shared.output import plain, print_error, print_json, print_line
from assistant.cli.shared.ownership import is_anothers
from assistant.cli.shared.training import NOTHING_LEARNED, learning, waiting
from assistant.cli.shared.verdict import add_verbose, print_figures, understood
from assistant.config import Loaded, Settings, socket_path
from assistant.control.client import Client
from assistant.control.messages import Status
from assistant.errors import BridgeError, ConfigError, ControlError
from assistant.journal.lineage import BridgeRecord, Lineage
from assistant.journal.store import Journal
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.data.examples import examples
from assistant.personalise.training.request import EXAMPLES, count_of


@dataclass(frozen=True, slots=True)
class Held:
    """Examples to learn from."""

    taught: int  # confirmed by a person
    held_out: int  # of these, the ones kept for judging
    confident: int  # confident transcripts that nobody reviewed


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown."""

    daemon: Status | None  # None: it is not running, or does not answer
    trouble: str | None  # why it does not answer
    bridge: str | None  # version in use, if it has one
    record: BridgeRecord | None  # of the bridge in use, if it was learned here
    last: BridgeRecord | None  # judged last
    held: Held | None  # None: the journal is another user's
    waits: tuple[str, ...]  # what the next training is waiting for

    def as_json(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "running": self.daemon is not None,
            "trouble": self.trouble,
            "daemon": self.daemon and self.daemon.model_dump(mode="json"),
            "bridge": self.bridge,
            "score": self.record and self.record.verdict,
            "examples": self.held and asdict(self.held),
            "waits": list(self.waits),
            "last_verdict": self.last
            and {
                "version": self.last.version,
                "created_at": self.last.created_at.isoformat(),
                "accepted": self.last.accepted,
                **(self.last.verdict or {}),
            },
        }


def register(subparsers: Subparsers) -> None:
    """Add ``status``."""
    parser = subparsers.add_parser("status")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object")
    form.add_argument("--watch", action="store_true", help="a live view, until Ctrl-C")
    add_verbose(parser)
    parser.set_defaults(run=run, run_without_settings=run_without_settings)


def run_without_settings(args: argparse.Namespace, error: ConfigError) -> int:
    """Print what the daemon says, which runs with the settings before, and what is wrong."""
    client = Client(socket_path())
    if args.json or not client.is_running():
        raise error
    if args.watch:
        return _watch(client)
    for name, text in _of_daemon(client.status()):
        print_row(name, text)
    print_error(str(error))
    return 1


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print the status; exit status 1 only if a daemon is running but does not answer."""
    if args.watch:
        return _watch(Client(settings.control.path))
    found = report(settings)
    if args.json:
        print_json(found.as_json())
    else:
        for name, text in rows(found, settings):
            print_row(name, text)
        if args.verbose and found.record is not None:
            print_line()
            print_figures(found.record.verdict or {})
    return 0 if found.trouble is None else 1


def print_row(name: str, text: str) -> None:
    """Print one thing that is known."""
    print_line(f"{name:<13} {plain(text)}")


def _watch(client: Client) -> int:
    from assistant.cli.watch import watch  # noqa: PLC0415 - rich takes a while to load

    with suppress(KeyboardInterrupt):
        watch(client)
    return 0


def report(settings: Settings) -> Report:
    """What the daemon, if it is running, the journal and the bridges' folder say.

    If a daemon is running and the journal is another user's, only the daemon is asked.

    Raises:
        JournalError: if the journal cannot be read.
    """
    daemon, trouble = None, None
    client = Client(settings.control.path)
    try:
        daemon = client.status() if client.is_running() else None
    except ControlError as error:
        trouble = str(error)
    if daemon is not None and is_anothers(settings.journal.path):
        return Report(daemon, None, daemon.bridge, None, None, None, daemon.waits)
    with Journal.open(settings.journal) as journal:
        found = examples(journal.turns(), settings.personalise)
        taught = [example for example in found if example.weight == 1.0]
        records = Lineage(journal).records()
        if daemon is None:
            bridge, waits = _promoted(settings), _waits_alone(settings, journal, len(taught))
        else:
            bridge, waits = daemon.bridge, daemon.waits
    return Report(
        daemon=daemon,
        trouble=trouble,
        bridge=bridge,
        record=next((each for each in records if each.version == bridge), None),
        last=next((each for each in records if each.verdict is not None), None),
        held=Held(
            taught=len(taught),
            held_out=sum(example.held_out for example in taught),
            confident=len(found) - len(taught),
        ),
        waits=waits,
    )


def rows(found: Report, settings: Settings) -> Iterator[tuple[str, str]]:
    """Names and texts of what is shown."""
    if found.daemon is None:
        yield "Attune", found.trouble or "not running; start it with 'assistant run'"
    else:
        yield from _of_daemon(found.daemon)
    yield "learned", _learned(found, settings)
    if found.record is not None and (score := understood(found.record.verdict or {})) is not None:
        yield "score", score
    if found.held is not None:
        yield "examples", _examples(found.held)
    yield "learning", waiting(found.waits) if found.daemon is None else learning(found.daemon)
    if found.daemon is not None and found.daemon.failures:
        yield "failures", f"{found.daemon.failures} in a row; {found.daemon.last_failure}"
    if found.last is not None:
        yield "last verdict", _verdict(found.last)


def _promoted(settings: Settings) -> str | None:
    try:
        return BridgeFolder(settings.bridges).current
    except BridgeError as error:
        return f"unknown: {error}"


def _waits_alone(settings: Settings, journal: Journal, taught: int) -> tuple[str, ...]:
    """What learning is waiting for when no daemon is running."""
    new = taught - min(taught, count_of(journal.remembered(EXAMPLES)))
    missing = settings.idle.min_new - new
    more = (f"{missing} more example{'s' * (missing > 1)}",) if missing > 0 else ()
    return ("Attune to be started ('assistant run')", *more)


def _of_daemon(daemon: Status) -> Iterator[tuple[str, str]]:
    """What a person wants to know first."""
    yield "Attune", f"running for {duration(daemon.uptime_s)} (process {daemon.pid})"
    yield "hears", hears(daemon.microphone)
    yield "speaks", speaks(daemon)
    for warning in other_warnings(daemon):
        yield "warning", warning


def _learned(found: Report, settings: Settings) -> str:
    if settings.route == "transcript":
        return "not used, because the setting 'route' says so"
    if found.record is not None:
        record = found.record
        return (
            f"version {record.version}, {record.created_at.astimezone():%Y-%m-%d %H:%M}, from "
            f"{len(record.turns)} sentences"
        )
    return NOTHING_LEARNED if found.bridge is None else found.bridge


def _examples(held: Held) -> str:
    taught = f"{held.taught} taught ({held.held_out} kept as a test)"
    return f"{taught}, {held.confident} understood with confidence"


def _verdict(record: BridgeRecord) -> str:
    verdict = "used" if record.accepted else "not used"
    why = (record.verdict or {}).get("why", "")
    return f"{record.version} {verdict} {record.created_at.astimezone():%Y-%m-%d %H:%M}: {why}"
