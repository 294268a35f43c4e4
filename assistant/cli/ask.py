"""``assistant ask``: one question, spoken in a file or typed."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, add_shared
from assistant.cli.shared.exchange import show
from assistant.cli.shared.output import print_error, print_json
from assistant.cli.shared.past_exchanges import turn_of
from assistant.cli.shared.verdict import add_verbose
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import ConfigError, ControlError
from assistant.journal.turn import Turn


def register(subparsers: Subparsers) -> None:
    """Add ``ask``."""
    parser = subparsers.add_parser("ask")
    parser.add_argument("text", nargs="*", help="the question")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="a recording of the question")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_verbose(parser)
    parser.add_argument("--route", choices=("auto", "bridge", "transcript"))
    parser.add_argument("--aloud", action="store_true", help="also speak the answer")
    add_shared(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Answer, through the daemon if it is running, and print."""
    text = " ".join(args.text).strip()
    if bool(text) == (args.audio is not None):
        raise ConfigError("Give either a question or --audio FILE.")
    turn = _answer_of_daemon(text, args, settings) or _answer(text, args, settings)
    if args.json:
        print_json(turn.record())
    else:
        show(turn, verbose=args.verbose)
    return 0


def _is_plain(args: argparse.Namespace) -> bool:
    """Whether no flag asks for anything that the daemon's own settings would not do."""
    return all(each is None for each in (args.route, args.database, args.wav_dir))


def _answer_of_daemon(text: str, args: argparse.Namespace, settings: Settings) -> Turn | None:
    """The answer of the running daemon, which has the models open; ``None``: it does not do it."""
    client = Client(settings.control.path)
    if not (_is_plain(args) and client.is_running()):
        return None
    if args.audio is None:
        return turn_of(client.ask(text, aloud=args.aloud))
    with suppress(ControlError):  # another user's, or too long for it
        return turn_of(client.hear(str(args.audio.absolute()), aloud=args.aloud))
    return None


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
    # this command ends with its answer, so nobody could reply to a question
    settings = settings.model_copy(update={"turn": settings.turn.of_one_question()})
    with composition.assistant(settings, voice, print_error) as assistant:
        return assistant.read(text) if utterance is None else assistant.hear(utterance)
