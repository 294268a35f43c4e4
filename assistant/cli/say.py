"""``assistant say``: speak a text."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers
from assistant.cli.shared.output import print_line
from assistant.config import Loaded, Settings
from assistant.control.client import Client


def register(subparsers: Subparsers) -> None:
    """Add ``say``."""
    parser = subparsers.add_parser("say")
    parser.add_argument("text", nargs="+")
    parser.add_argument(
        "--wav-dir", type=Path, metavar="FOLDER", help="write it to a file there instead"
    )
    parser.add_argument("--engine", choices=("espeak", "piper"), help="which synthesiser speaks")
    parser.add_argument("--voice", metavar="NAME", help="in which voice")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Speak, through the daemon if it is running; if written to a file, print its path."""
    text = " ".join(args.text)
    client = Client(settings.control.path)
    if text.strip() and _is_plain(args) and client.is_running():
        client.say(text)
        return 0
    # a voice and the sound system, which the daemon has already
    from assistant.speak.aloud import speak  # noqa: PLC0415
    from assistant.speak.playback import Loudspeaker, WavSink  # noqa: PLC0415
    from assistant.speak.synthesiser import open_voice  # noqa: PLC0415

    voice = open_voice(settings.speak, settings.models.folder)
    if settings.speak.wav_dir is None:
        speak([text], voice, Loudspeaker(settings.speak))
    else:
        out = WavSink(settings.speak.wav_dir)
        speak([text], voice, out, name="say")
        print_line(str(out.path or "There was nothing to say."))
    return 0


def _is_plain(args: argparse.Namespace) -> bool:
    """Whether the daemon's own voice will do."""
    return all(each is None for each in (args.wav_dir, args.engine, args.voice))
