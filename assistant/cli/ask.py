"""``assistant ask``: one question, spoken in a file or typed."""

from __future__ import annotations

import argparse
from pathlib import Path

from assistant.cli import rooms
from assistant.cli.arguments import Subparsers
from assistant.cli.output import print_json
from assistant.cli.run import add_shared, show
from assistant.cli.transcribe import whole
from assistant.config import Loaded, Settings
from assistant.errors import ConfigError
from assistant.speak.espeak import Espeak
from assistant.speak.playback import WavSink
from assistant.turn import Aloud, Mute


def register(subparsers: Subparsers) -> None:
    """Add ``ask``."""
    parser = subparsers.add_parser("ask", help="answer one question, in text unless told to speak")
    parser.add_argument("text", nargs="*", help="the question")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="a recording of the question")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--route", choices=("auto", "bridge", "transcript"))
    parser.add_argument("--aloud", action="store_true", help="speak the answer, too")
    add_shared(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Answer and print."""
    text = " ".join(args.text).strip()
    if bool(text) == (args.audio is not None):
        raise ConfigError("Give either a question or --audio FILE.")
    utterance = whole(args.audio) if args.audio is not None else None
    voice = Mute()
    if args.aloud or args.wav_dir is not None:
        out = WavSink(args.wav_dir) if args.wav_dir else rooms.sink(settings.speak, settings.speak)
        voice = Aloud(Espeak(settings.speak), out)
    with rooms.assistant(settings, voice) as assistant:
        turn = assistant.read(text) if utterance is None else assistant.hear(utterance)
    if args.json:
        print_json(turn.record())
    else:
        show(turn)
    return 0
