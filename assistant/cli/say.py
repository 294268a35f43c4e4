"""``assistant say``: speak a text."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.arguments import Subparsers
from assistant.cli.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.speak.aloud import speak
from assistant.speak.espeak import Espeak
from assistant.speak.playback import Loudspeaker, WavSink


def register(subparsers: Subparsers) -> None:
    """Add ``say``."""
    parser = subparsers.add_parser("say", help="speak a text aloud")
    parser.add_argument("text", nargs="+")
    parser.add_argument(
        "--wav-dir", type=Path, metavar="FOLDER", help="write it there instead of aloud"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Speak, by the daemon's voice if it runs, and where it went to a file, say which."""
    text = " ".join(args.text)
    client = Client(settings.control.path)
    if args.wav_dir is None and text.strip() and client.is_running():
        client.say(text)
        return 0
    espeak = Espeak(settings.speak)
    if settings.speak.wav_dir is None:
        speak([text], espeak, Loudspeaker(settings.speak))
    else:
        out = WavSink(settings.speak.wav_dir)
        speak([text], espeak, out, name="say")
        print_line(str(out.path or "There was nothing to say."))
    return 0
