"""``assistant bridge``: the bridges learned so far, and which of them is in use."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from assistant.bridge import checkpoint
from assistant.bridge.checkpoint import Checkpoint
from assistant.cli.bridge import bootstrap, transfer
from assistant.cli.bridge.record import entry_of, listed
from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.output import plain, print_error, print_json, print_line, print_table
from assistant.cli.shared.ownership import require_own, stand_in
from assistant.cli.shared.verdict import add_verbose, change
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import BridgeError, CheckpointError, MismatchError
from assistant.journal.lineage import BridgeRecord
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.bridges.listing import BASE, Entry, Standing, find

_ROUTES = (
    ("transcript", "plain transcription"),
    ("before", "the previous bridge"),
    ("after", "this bridge"),
    ("canary_before", "common talk, before"),
    ("canary_after", "common talk, after"),
)
_FIGURES = ("right", "word_error", "rouge1", "rougeL", "equal")
_HEADS = ("RIGHT", "WORD ERROR", "ROUGE-1", "ROUGE-L", "EQUAL REPLIES")
_LEGEND = (
    "* in use. UNDERSTOOD: test sentences in which every word is right, before → after. 'assistant "
    "bridge\nshow' has everything that was measured."
)


def register(subparsers: Subparsers) -> None:
    """Add ``bridge`` and its commands."""
    bridge = subparsers.add_parser("bridge")
    commands = bridge.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="all bridges, the latest first")
    listing.add_argument("--json", action="store_true", help="print one JSON object per bridge")
    listing.set_defaults(run=run_list)

    show = commands.add_parser("show", help="everything about one bridge")
    _add_version(show)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)

    rollback = commands.add_parser("rollback", help="go back to the previous bridge")
    rollback.set_defaults(run=run_rollback)

    promote = commands.add_parser("promote", help="put a bridge to use")
    _add_version(promote)
    promote.add_argument("--force", action="store_true", help="even if it was not accepted")
    promote.set_defaults(run=run_promote)

    inspecting = commands.add_parser(
        "inspect", help="what each bridge brought, its readings of an exchange, and a plot"
    )
    inspecting.add_argument(
        "versions", nargs="*", metavar="VERSION", help="which bridges (default: all)"
    )
    inspecting.add_argument(
        "--turn", type=positive, metavar="ID", help="an exchange for each of them to read"
    )
    inspecting.add_argument(
        "--png", type=Path, metavar="FILE", help="plot loss curves and figures there"
    )
    inspecting.add_argument("--json", action="store_true", help="print one JSON object per bridge")
    add_verbose(inspecting)
    inspecting.set_defaults(run=run_inspect)

    bootstrap.add(commands)
    transfer.add(commands)


def run_list(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print all bridges, one per line; a damaged record of the promoted one is reported."""
    if (client := stand_in(settings)) is not None:
        _print(list(map(entry_of, client.bridges())), settings, as_json=args.json)
        return 0
    folder = BridgeFolder(settings.bridges)
    answering, failure = None, None
    try:
        answering = folder.current or BASE
    except CheckpointError as error:
        failure = error
    bridges = listed(settings, folder, answering)
    _print(bridges, settings, as_json=args.json)
    if failure is not None:
        print_error(str(failure))
    return 1 if failure else 0


def run_show(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print everything about one bridge."""
    folder = BridgeFolder(settings.bridges)
    entry = find(listed(settings, folder, folder.current or BASE), args.version)
    found = None
    if entry.path is not None:
        with suppress(CheckpointError):
            found = checkpoint.read(entry.path)
    if args.json:
        print_json(
            entry.as_json()
            | {
                "curve": entry.curve_as_json(),
                "encoder": found and found.encoder,
                "table": found and found.table,
                "provenance": found and dict(found.provenance),
            }
        )
        return 0
    for name, text in _details(entry, found):
        print_line(f"{name:<11} {plain(text)}")
    rows = [
        (name, *(_figure(entry, f"{route}_{figure}") for figure in _FIGURES))
        for route, name in _ROUTES
        if entry.number(f"{route}_rouge1") is not None
    ]
    if rows:
        print_line()
        print_table(("", *_HEADS), rows)
    return 0


def run_rollback(_args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Go back by one promotion; a running assistant switches between two turns."""
    client = stand_in(settings)
    version = BridgeFolder(settings.bridges).rollback() if client is None else client.rollback()
    who = "The base bridge" if version is None else f"Bridge {version}"
    print_line(f"{who} is in use again from the next turn on.")
    return 0


def run_promote(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Put a bridge to use; a running assistant switches between two turns."""
    client = stand_in(settings)
    version = _promote(args, settings) if client is None else _have_promoted(args, settings, client)
    print_line(f"Bridge {version} is in use from the next turn on.")
    return 0


def run_inspect(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print verdicts, singular values and readings, and draw a plot."""
    # these open encoder, language model and bridges, which the other commands do without
    from assistant.cli.bridge.inspect import inspect  # noqa: PLC0415
    from assistant.cli.bridge.picture import draw  # noqa: PLC0415

    folder = BridgeFolder(settings.bridges)
    bridges = listed(settings, folder, folder.current or BASE)
    chosen = {find(bridges, version).version for version in args.versions}
    if chosen:
        bridges = [each for each in bridges if each.version in chosen]
    status = inspect(
        bridges,
        settings,
        turn_id=args.turn,
        form="json" if args.json else "figures" if args.verbose else "sentences",
    )
    if args.png is not None:
        draw(bridges, args.png)
        if not args.json:
            print_line(f"\nThe plot is now in {args.png}.")
    return status


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "version", metavar="ID", help="a version from 'bridge list', or its first letters"
    )


def _promote(args: argparse.Namespace, settings: Settings) -> str:
    """Promote a bridge in the folder, and return its version."""
    from assistant.encode.encoder import open_encoder  # noqa: PLC0415 - see run_inspect
    from assistant.generate.gguf import GGUFFile  # noqa: PLC0415

    folder = BridgeFolder(settings.bridges)
    # the one in use does not matter: promoting also repairs a damaged record of it
    entry = find(listed(settings, folder, None), args.version)
    _refuse(entry, force=args.force)
    found = folder.read(entry.version)
    try:
        found.require(
            open_encoder(settings.encode).fingerprint,
            GGUFFile(settings.generate.path).embedding_fingerprint,
        )
    except MismatchError as error:
        raise MismatchError(
            f"Bridge {entry.version} was learned with another speech encoder or language model "
            "than those in encode.path and generate.path. 'assistant retrain --from base' learns "
            "one for these."
        ) from error
    if not found.accepted:  # a person has accepted it now, and turns rely on what the file says
        folder.add(replace(found, accepted=True))
    folder.promote(entry.version)
    return entry.version


def _have_promoted(args: argparse.Namespace, settings: Settings, client: Client) -> str:
    """Have the daemon promote a bridge, and return its version."""
    if args.force:
        require_own(settings, "use a bridge with --force")
    entry = find(list(map(entry_of, client.bridges())), args.version)
    _refuse(entry, force=False)
    client.promote(entry.version)
    return entry.version


def _print(bridges: Sequence[Entry], settings: Settings, *, as_json: bool) -> None:
    if as_json:
        for each in bridges:
            print_json(each.as_json())
        return
    if bridges:
        heads = ("", "VERSION", "TRAINED", "HEAD", "EXAMPLES", "UNDERSTOOD", "VERDICT")
        print_table(heads, map(_cells, bridges))
        print_line()
    if any(each.number("after_right") is not None for each in bridges):
        print_line(_LEGEND)
    if all(each.is_base for each in bridges):
        print_line(
            "Nothing has been learned yet. 'assistant enroll' teaches Attune your voice, and "
            "'assistant retrain'\nlearns from what was said so far."
        )
    if settings.route == "transcript":
        print_line("No bridge is used, because the setting 'route' is \"transcript\".")


def _cells(entry: Entry) -> tuple[str, ...]:
    record = entry.record
    return (
        "*" * entry.answers,
        entry.version,
        "" if record is None else f"{record.created_at.astimezone():%Y-%m-%d %H:%M}",
        entry.head,
        "" if record is None else str(len(record.turns)),
        change(entry.verdict),
        entry.standing.value,
    )


def _figure(entry: Entry, name: str) -> str:
    number = entry.number(name)
    return "" if number is None else f"{number:.2f}"


def _details(entry: Entry, found: Checkpoint | None) -> Iterator[tuple[str, str]]:
    """Names and texts of what is known about a bridge."""
    yield "version", entry.version + (", in use" if entry.answers else "")
    yield "head", entry.head
    yield "standing", entry.standing.value
    if entry.why is not None:
        yield "why", entry.why
    if entry.record is not None:
        yield from _training(entry.record)
    held_out, canaries = entry.number("held_out"), entry.number("canaries")
    if held_out is not None and canaries is not None:
        yield "judged by", f"{held_out:.0f} held-out exchanges, {canaries:.0f} of common talk"
    if entry.path is not None:
        yield "file", f"{entry.path}{'' if found else ' (damaged)'}"
    if found is not None:
        yield "encoder", found.encoder
        yield "embeddings", found.table or "any"
        if entry.record is None:
            for name, value in found.provenance.items():
                yield name, str(value)


def _training(record: BridgeRecord) -> Iterator[tuple[str, str]]:
    yield "trained", f"{record.created_at.astimezone():%Y-%m-%d %H:%M:%S}, from {record.start}"
    if record.erased_at is not None:
        yield "erased", f"{record.erased_at.astimezone():%Y-%m-%d %H:%M:%S}"
    yield "examples", f"{len(record.turns)}: {_ranges(record.turns)}"
    if record.curve:
        last = record.curve[-1]
        yield "curve", f"{last.step} steps in {last.seconds:.0f} s, loss {last.loss:.3g} at the end"
        losses = [(point.held_out, point.step) for point in record.curve if point.held_out]
        if losses:
            best, step = min(losses)
            lowest = f"lowest {best:.3g} after {step} steps"
            yield "held out", f"loss {losses[0][0]:.3g} at first, {lowest}"


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers with runs joined, as in "1-5, 8"."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _refuse(entry: Entry, *, force: bool) -> None:
    """Raise ``BridgeError`` for a bridge that may not be put to use."""
    version = entry.version
    forced = f"'assistant bridge promote {version} --force' uses it anyway."
    if entry.is_base:
        raise BridgeError(
            "The base bridge is used when no learned one is: 'assistant bridge rollback' goes "
            "back one at a time."
        )
    if entry.standing is Standing.ERASED:
        raise BridgeError(
            f"Bridge {version} learned from an exchange that was erased, so it was deleted and "
            "cannot be restored. 'assistant retrain' learns from the other exchanges."
        )
    if entry.path is None:
        raise BridgeError(
            f"The file of bridge {version} is missing. Choose another one from "
            "'assistant bridge list', or learn again with 'assistant retrain'."
        )
    if entry.standing is Standing.REJECTED and not force:
        raise BridgeError(f"The gate rejected bridge {version}: {entry.why}. {forced}")
    if entry.standing is Standing.UNJUDGED and not force:
        raise BridgeError(f"Bridge {version} has not been judged on held-out speech. {forced}")
