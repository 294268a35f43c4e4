"""``assistant transcribe``: what the speech encoder alone recognises in recordings."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import plain, print_error, print_json, print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.control.messages import Record
from assistant.errors import AudioFileError, ControlError

if TYPE_CHECKING:
    from assistant.encode.encoder import Encoder


def register(subparsers: Subparsers) -> None:
    """Add ``transcribe``."""
    parser = subparsers.add_parser("transcribe")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Print a line per recording; one that cannot be read is reported and skipped."""
    write = _Writer(settings)
    failures = 0
    for path in args.files:
        try:
            seconds, transcript = write(path)
        except AudioFileError as error:
            print_error(str(error))
            failures += 1
            continue
        if args.json:
            print_json({"file": str(path), "seconds": seconds, **transcript})
        elif len(args.files) == 1:
            print_line(transcript["text"])
        else:
            print_line(f"{plain(str(path))}: {transcript['text']}")
    return 1 if failures else 0


class _Writer:
    """Writes down recordings: has the daemon do it, which has the models open, or opens them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._encoder: Encoder | None = None

    def __call__(self, path: Path) -> tuple[float, Record]:
        """Length in seconds, and the transcript's fields; raises ``AttuneError`` if it fails."""
        if self._encoder is None:
            # refused: another user's, too long, or not while it hears in its own learned way
            with suppress(ControlError):
                client = Client(self._settings.control.path)
                if client.is_running():
                    found = client.transcribe(str(path.absolute()))
                    return found.pop("seconds"), found
        return self._alone(path)

    def _alone(self, path: Path) -> tuple[float, Record]:
        # encoders take a second to load
        from assistant.cli.shared.recordings import whole  # noqa: PLC0415
        from assistant.encode.encoder import open_encoder  # noqa: PLC0415

        utterance = whole(path)
        self._encoder = self._encoder or open_encoder(self._settings.encode)
        return utterance.seconds, asdict(self._encoder.encode(utterance).transcript)
