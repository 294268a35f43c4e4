"""``assistant log``: what was said and answered, from the journal."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from assistant.audio.resample import to_int16
from assistant.cli.arguments import Subparsers, moment, positive
from assistant.cli.output import plain, print_json, print_line, print_table
from assistant.config import Loaded, Settings
from assistant.journal.export import export
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.speak.espeak import Speech
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.values import SAMPLE_RATE

_NOTHING_YET = (
    "Nothing has been said yet. Talk with 'assistant run', or type 'assistant ask \"hello\"'."
)
_NOTHING_SINCE = "Nothing has been said since then. Leave --since out to see everything."


def register(subparsers: Subparsers) -> None:
    """Add ``log list``, ``log show``, ``log play`` and ``log export``."""
    log = subparsers.add_parser("log", help="look at past exchanges")
    commands = log.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="the latest exchanges, newest first")
    listing.add_argument(
        "--limit", type=positive, default=20, metavar="N", help="how many at most (default: 20)"
    )
    _add_since(listing)
    listing.add_argument("--json", action="store_true", help="print one JSON object per exchange")
    listing.set_defaults(run=run_list)

    show = commands.add_parser("show", help="everything about one exchange")
    show.add_argument("id", type=positive, help="number of the exchange, from 'log list'")
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=run_show)

    play = commands.add_parser("play", help="play what was said in one exchange")
    play.add_argument("id", type=positive, help="number of the exchange, from 'log list'")
    play.set_defaults(run=run_play)

    exporting = commands.add_parser(
        "export", help="write recordings (FLAC), turns.jsonl and turns.csv into a folder"
    )
    exporting.add_argument("folder", type=Path, help="a new or empty folder")
    _add_since(exporting)
    exporting.add_argument(
        "--force", action="store_true", help="write into a folder that is not empty"
    )
    exporting.set_defaults(run=run_export)


def run_list(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print the latest exchanges, one per line."""
    with Journal.open(settings.journal) as journal:
        turns = list(journal.turns(limit=args.limit, since=args.since))
        if args.json:
            for turn in turns:
                print_json(turn.record())
        elif turns:
            heads = ("ID", "WHEN", "SECONDS", "ROUTE", "SURE", "SAID", "REPLY")
            print_table(heads, map(_cells, turns))
        else:
            print_line(_nothing(journal))
    return 0


def run_show(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print everything about one exchange."""
    with Journal.open(settings.journal) as journal:
        turn = journal.turn(args.id)
    if args.json:
        print_json(turn.record())
        return 0
    for name, text in _details(turn):
        print_line(f"{name:<11} {plain(text)}")
    return 0


def run_play(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Play the recording of one exchange, or write it where ``speak.wav_dir`` says."""
    with Journal.open(settings.journal) as journal:
        samples = to_int16(journal.audio(args.id))
    folder = settings.speak.wav_dir
    sink = WavSink(folder) if folder else Loudspeaker(settings.speak, SAMPLE_RATE)
    sink.begin(f"exchange-{args.id}")
    try:
        sink.play(Speech(samples, SAMPLE_RATE))
    finally:
        sink.end()
    if isinstance(sink, WavSink):
        print_line(f"Exchange {args.id} is now in {sink.path}.")
    return 0


def run_export(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Write exchanges into a folder, for other programs or for safe keeping."""
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


def _add_since(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=moment,
        metavar="WHEN",
        help="leave out what is older: today, yesterday, 2h, 7d or a date",
    )


def _nothing(journal: Journal) -> str:
    return _NOTHING_SINCE if journal.count() else _NOTHING_YET


def _cells(turn: Turn) -> tuple[str, ...]:
    return (
        str(turn.id),
        f"{turn.started_at.astimezone():%Y-%m-%d %H:%M}",
        "" if turn.seconds is None else f"{turn.seconds:.1f}",
        turn.route.value if turn.route else "",
        "" if turn.confidence is None else f"{turn.confidence:.2f}",
        turn.text or "",
        _outcome(turn),
    )


def _outcome(turn: Turn) -> str:
    if turn.error is not None:
        return f"({turn.error})"
    return "(not answered)" if turn.reply is None else turn.reply


def _details(turn: Turn) -> Iterator[tuple[str, str]]:
    """Names and texts of what is known about an exchange."""
    yield "exchange", str(turn.id)
    yield "when", f"{turn.started_at.astimezone():%Y-%m-%d %H:%M:%S}"
    yield "source", turn.source
    if turn.seconds is not None:
        ended = f", ended by {turn.end_reason.value}" if turn.end_reason else ""
        yield "recording", f"{turn.seconds:.1f} s{ended}"
    yield "transcript", _sure(turn.hypothesis, turn.confidence)
    if turn.correction is not None:
        yield "correction", turn.correction
    if turn.heard is not None:
        yield "heard", _sure(turn.heard, turn.bridge_confidence)
    if turn.route is not None:
        yield "route", turn.route.value
    yield "reply", "(not answered)" if turn.reply is None else turn.reply
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


def _sure(text: str | None, confidence: float | None) -> str:
    if text is None:
        return "(none)"
    return text if confidence is None else f"{text} ({confidence:.0%} sure)"
