"""``assistant transcribe``: what the speech encoder alone recognises in recordings."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import plain, print_error, print_json, print_line
from assistant.cli.shared.recordings import whole
from assistant.config import Loaded, Settings
from assistant.encode.encoder import open_encoder
from assistant.errors import AudioFileError


def register(subparsers: Subparsers) -> None:
    """Add ``transcribe``."""
    parser = subparsers.add_parser("transcribe", help="write down what is said in recordings")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print a line per recording; one that cannot be read is reported and skipped."""
    encoder = open_encoder(settings.encode)
    failures = 0
    for path in args.files:
        try:
            utterance = whole(path)
        except AudioFileError as error:
            print_error(str(error))
            failures += 1
            continue
        transcript = encoder.encode(utterance).transcript
        if args.json:
            print_json({"file": str(path), "seconds": utterance.seconds, **asdict(transcript)})
        elif len(args.files) == 1:
            print_line(transcript.text)
        else:
            print_line(f"{plain(str(path))}: {transcript.text}")
    return 1 if failures else 0
