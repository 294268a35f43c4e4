"""``assistant ask``: one question, spoken in a file or typed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, add_shared
from assistant.cli.shared.exchange import show
from assistant.cli.shared.output import print_json
from assistant.cli.shared.past_exchanges import turn_of
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.journal.turn import Turn


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
    """Answer, by the daemon if it runs, and print."""
    text = " ".join(args.text).strip()
    if bool(text) == (args.audio is not None):
        raise ConfigError("Give either a question or --audio FILE.")
    client = Client(settings.control.path)
    if _is_plain(args) and client.is_running():
        turn = turn_of(client.ask(text, aloud=args.aloud))
    else:
        turn = _answer(text, args, settings)
    if args.json:
        print_json(turn.record())
    else:
        show(turn)
    return 0


def _is_plain(args: argparse.Namespace) -> bool:
    """Whether a daemon with settings of its own answers as well as this process would."""
    return all(each is None for each in (args.audio, args.route, args.database, args.wav_dir))


def _answer(text: str, args: argparse.Namespace, settings: Settings) -> Turn:
    """Answer in this process, which loads the models."""
    # torch and llama.cpp take seconds to load
    from assistant import composition  # noqa: PLC0415
    from assistant.cli.shared.recordings import whole  # noqa: PLC0415
    from assistant.speak.synthesiser import open_voice  # noqa: PLC0415
    from assistant.speak.voice import Aloud, Mute  # noqa: PLC0415

    utterance = whole(args.audio) if args.audio is not None else None
    voice = Mute()
    if args.aloud or args.wav_dir is not None:
        synthesiser = open_voice(settings.speak, settings.models.folder)
        voice = Aloud(synthesiser, composition.sink(settings.speak))
    # nobody can say yes to a command that ends with its answer
    dialogue = settings.turn.model_copy(update={"ask_back": 0.0, "wake_phrase": None})
    settings = settings.model_copy(update={"turn": dialogue})
    with composition.assistant(settings, voice, _warn) as assistant:
        return assistant.read(text) if utterance is None else assistant.hear(utterance)


def _warn(text: str) -> None:
    sys.stderr.write(f"assistant: {text}\n")
