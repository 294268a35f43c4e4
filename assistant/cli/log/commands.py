"""``assistant log``: shows, corrects and erases past exchanges."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from assistant.cli.log import importing
from assistant.cli.shared import past_exchanges
from assistant.cli.shared.arguments import Subparsers, moment, positive
from assistant.cli.shared.exchange import with_confidence
from assistant.cli.shared.output import plain, print_json, print_line, print_table
from assistant.config import Loaded, Settings
from assistant.errors import ConfigError, JournalError
from assistant.journal.deletion import with_room
from assistant.journal.store import Journal
from assistant.journal.turn import TEXT_SOURCE, Taught, Turn
from assistant.values import MICROPHONE

_NOTHING_YET = (
    "Nothing has been said yet. Talk with 'assistant run', or type 'assistant ask \"hello\"'."
)
_NOTHING_SINCE = "Nothing has been said since then. Leave out --since to see everything."


def register(subparsers: Subparsers) -> None:
    """Add the commands of ``log``."""
    log = subparsers.add_parser("log")
    commands = log.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="the latest exchanges, newest first")
    listing.add_argument(
        "--limit", type=positive, default=20, metavar="N", help="how many at most (default: 20)"
    )
    _add_since(listing)
    listing.add_argument("--json", action="store_true", help="print one JSON object per exchange")
    listing.set_defaults(run=run_list)

    show = commands.add_parser("show", help="everything about one exchange")
    _add_id(show)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)

    playing = commands.add_parser("play", help="play what was said in one exchange")
    _add_id(playing)
    playing.set_defaults(run=run_play)

    correct = commands.add_parser("correct", help="record what was really said in one exchange")
    _add_id(correct)
    correct.add_argument("text", nargs="+", help="the words that were said")
    correct.set_defaults(run=run_correct)

    confirm = commands.add_parser(
        "confirm", help="confirm that one exchange was understood correctly"
    )
    _add_id(confirm)
    confirm.set_defaults(run=run_confirm)

    delete = commands.add_parser("delete", help="erase exchanges and what was learned from them")
    delete.add_argument(
        "ids", nargs="*", type=positive, metavar="ID", help="numbers of exchanges, from 'log list'"
    )
    _add_since(delete, "erase everything from then on: today, yesterday, 2h, 7d or a date")
    delete.add_argument("--all", action="store_true", help="erase every exchange")
    delete.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    delete.set_defaults(run=run_delete)

    exporting = commands.add_parser(
        "export", help="write recordings (FLAC), turns.jsonl and turns.csv to a folder"
    )
    exporting.add_argument("folder", type=Path, help="a new or empty folder")
    _add_since(exporting)
    exporting.add_argument(
        "--force", action="store_true", help="write even to a folder that is not empty"
    )
    exporting.set_defaults(run=run_export)

    importing.add(commands)


def run_list(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print the latest exchanges, one per line."""
    with past_exchanges.opened(settings) as journal:
        found = list(journal.turns(limit=args.limit + 1, since=args.since))
        turns = found[: args.limit]
        if args.json:
            for turn in turns:
                print_json(turn.record())
        elif turns:
            heads = ("ID", "WHEN", "SECONDS", "ROUTE", "SURE", "SAID", "REPLY")
            print_table(heads, map(_cells, turns))
            if len(found) > len(turns):
                print_line(f"There are older ones: '--limit {5 * args.limit}' shows more of them.")
        else:
            print_line(_nothing(journal))
    return 0


def run_show(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print everything about one exchange."""
    with past_exchanges.opened(settings) as journal:
        turn = journal.turn(args.id)
    if args.json:
        print_json(turn.record())
        return 0
    for name, text in _details(turn):
        print_line(f"{name:<11} {plain(text)}")
    return 0


def run_play(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Play the recording of one exchange, or write it to ``speak.wav_dir``."""
    from assistant.cli.shared.recordings import play  # noqa: PLC0415 - loads the sound system

    with past_exchanges.opened(settings) as journal:
        samples = journal.audio(args.id)
    if (path := play(samples, settings.speak, f"exchange-{args.id}")) is not None:
        print_line(f"Exchange {args.id} is now in {path}.")
    return 0


def run_correct(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Record what was really said in one exchange."""
    with past_exchanges.opened(settings) as journal:
        journal.correct(args.id, " ".join(args.text))
        _print_taught(journal.turn(args.id))
    return 0


def run_confirm(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Record that one exchange was understood correctly."""
    with past_exchanges.opened(settings) as journal:
        journal.confirm(args.id)
        _print_taught(journal.turn(args.id))
    return 0


def run_delete(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Erase exchanges for good, after asking."""
    from assistant.cli.shared import erasure  # noqa: PLC0415 - knows all that is learned from them

    if (len(args.ids) > 0) + (args.since is not None) + args.all != 1:
        raise ConfigError("Give either the numbers of exchanges, or --since WHEN, or --all.")
    with with_room(settings.journal.path), past_exchanges.opened(settings) as journal:
        found = [each.id for each in journal.kept(since=args.since)]
        if unknown := set(args.ids).difference(found):
            raise JournalError(
                f"There is no exchange {min(unknown)} in {settings.journal.path}, so nothing was "
                "erased. 'assistant log list' shows the exchanges."
            )
        chosen = sorted(set(args.ids)) or found
        if not chosen:
            print_line(_nothing(journal))
            return 0
        done = erasure.delete(journal, settings, chosen, yes=args.yes)
    if done.forgot and not args.yes:
        erasure.learn_again(settings)
    return done.status


def run_export(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Write exchanges to a folder, for other programs or for safe keeping."""
    from assistant.journal.export import export  # noqa: PLC0415

    with Journal.open(settings.journal) as journal:
        turns = list(journal.turns(since=args.since))
        if turns:
            export(journal, turns[::-1], args.folder, overwrite=args.force)
            recordings = sum(turn.has_audio for turn in turns)
            print_line(
                f"Written to {args.folder}: exchanges {len(turns)}, recordings {recordings}."
            )
        else:
            print_line(_nothing(journal))
    return 0


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=positive, help="number of the exchange, from 'log list'")


def _add_since(
    parser: argparse.ArgumentParser,
    what: str = "leave out what is older: today, yesterday, 2h, 7d or a date",
) -> None:
    parser.add_argument("--since", type=moment, metavar="WHEN", help=what)


def _print_taught(turn: Turn) -> None:
    print_line(f"Exchange {turn.id} says: {plain(turn.correction or '')}")
    if turn.consent:
        print_line("Attune learns from it when it is idle, or now with 'assistant retrain'.")
    elif turn.source in (MICROPHONE, TEXT_SOURCE):
        print_line("Attune does not learn from it, because that is not allowed.")
    else:
        print_line(
            "Attune does not learn from it, because it was a recording and not you at the "
            "microphone. 'assistant log import' teaches recordings of your own."
        )


def _nothing(journal: Journal | past_exchanges.InJournal) -> str:
    return _NOTHING_SINCE if journal.count() else _NOTHING_YET


def _cells(turn: Turn) -> tuple[str, ...]:
    return (
        str(turn.id),
        f"{turn.started_at.astimezone():%Y-%m-%d %H:%M}",
        "" if turn.seconds is None else f"{turn.seconds:.1f}",
        turn.route.value if turn.route else "",
        "" if turn.confidence is None else f"{turn.confidence:.2f}",
        turn.text or "",
        f"({turn.error})" if turn.error is not None else _reply(turn),
    )


def _reply(turn: Turn) -> str:
    if turn.reply is not None:
        return turn.reply
    given = {Taught.ENROLLED: "(read aloud)", Taught.IMPORTED: "(imported)", None: ""}
    return given.get(turn.taught) or "(not answered)"


def _details(turn: Turn) -> Iterator[tuple[str, str]]:
    """Names and texts of what is known about an exchange."""
    yield "exchange", str(turn.id)
    yield "when", f"{turn.started_at.astimezone():%Y-%m-%d %H:%M:%S}"
    yield "source", turn.source
    if turn.seconds is not None:
        ended = f", ended by {turn.end_reason.value}" if turn.end_reason else ""
        yield "recording", f"{turn.seconds:.1f} s{ended}"
    yield "transcript", with_confidence(turn.hypothesis, turn.confidence)
    if turn.correction is not None:
        yield "correction", turn.correction
    if turn.taught is not None:
        yield "taught", turn.taught.value
    if turn.heard is not None:
        yield "heard", with_confidence(turn.heard, turn.bridge_confidence)
    if turn.route is not None:
        yield "route", turn.route.value
    yield "reply", _reply(turn)
    if turn.stop_reason is not None:
        yield "ended", turn.stop_reason.value
    if turn.error is not None:
        yield "error", turn.error
    if turn.timings is not None:
        stages = asdict(turn.timings).items()
        yield "timings", ", ".join(f"{name} {ms:.0f} ms" for name, ms in stages if ms is not None)
    yield "learning", "allowed" if turn.consent else "not allowed"
    for name in ("encoder", "bridge", "llm"):
        if (version := getattr(turn, name)) is not None:
            yield name, version
