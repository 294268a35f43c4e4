"""``assistant run``: listen and answer until you stop it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant import composition
from assistant.audio import portaudio
from assistant.audio.resample import to_int16
from assistant.cli.models import everyday
from assistant.cli.shared.arguments import Subparsers, add_shared
from assistant.cli.shared.exchange import outline, show, show_outline
from assistant.cli.shared.output import never_die_of_telling, print_error, print_json, print_line
from assistant.cli.shared.verdict import add_verbose
from assistant.config import Loaded, Settings, starter_dir
from assistant.daemon import loop
from assistant.daemon.maintenance import Maintenance, Promoted
from assistant.daemon.notify import Notifier
from assistant.daemon.service import Service
from assistant.errors import AttuneError, AudioFileError, DependencyError, traced
from assistant.journal.turn import Turn
from assistant.listen.recordings import Pace, frames, recordings
from assistant.listen.segment import segment, voiced
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.speak.speech import Speech
from assistant.speak.synthesiser import open_voice
from assistant.speak.voice import Aloud
from assistant.values import SAMPLE_RATE, Utterance


def register(subparsers: Subparsers) -> None:
    """Add ``run``."""
    parser = subparsers.add_parser("run")
    parser.add_argument(
        "--input", type=Path, metavar="FILE_OR_FOLDER", help="recordings instead of a microphone"
    )
    parser.add_argument("--once", action="store_true", help="stop after the first exchange")
    parser.add_argument("--json", action="store_true", help="print one JSON object per exchange")
    parser.add_argument("--route", choices=("auto", "bridge", "transcript"))
    parser.add_argument("--device", metavar="NAME", help="part of the microphone's name")
    parser.add_argument(
        "--real-time", action="store_true", help="feed recordings in at the speed of speech"
    )
    parser.add_argument(
        "--no-learn", action="store_true", help="do not train automatically when the device is idle"
    )
    parser.add_argument(
        "--service",
        action="store_true",
        help="run unattended: wait for missing devices, and print nothing that is said",
    )
    add_verbose(parser)
    everyday.add_flags(parser)
    add_shared(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, _settings: Settings, loaded: Loaded) -> int:
    """Answer what is said until the end of the input, or Ctrl-C."""
    if args.input is None:
        never_die_of_telling()
    printer = _Printer(as_json=args.json, discreet=args.service, verbose=args.verbose)
    if args.service:
        sys.excepthook = lambda _kind, error, _trace: _show(error)
    _begin_log()
    loaded = everyday.settle(args, loaded, printer.note)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # from here on nothing uses the network
    settings = _adapted(loaded.settings, args, printer)
    source: Path | None = args.input
    silent = settings.listen.device is None and not _is_there(portaudio.has_input)
    if source is None and silent and not args.service:
        printer.note("No microphone was found, so Attune answers its bundled recordings.")
        source = starter_dir() / "examples"
    if source is not None:
        _answer_recordings(recordings(source), args, settings, printer)
        printer.note(f"Recordings: {source}")
    else:
        if not args.service:
            portaudio.choose(portaudio.DeviceKind.INPUT, settings.listen.device)
        read = partial(_read, args, loaded, printer)
        if Service(settings, read, printer, notifier=Notifier(), once=args.once).run().died:
            return 1  # it has reported why
    printer.note(f"Database:   {settings.journal.path}")
    sys.stdout.flush()
    # Everything is closed. The libraries' own clean-up would take seconds on a small board, and
    # Python would abort the process if the listening thread is still inside their code.
    # A service that reaches this point has ended well, whatever went wrong along the way.
    os._exit(1 if printer.failures and not args.service else 0)


def _read(args: argparse.Namespace, loaded: Loaded, printer: _Printer) -> Settings:
    """The current settings, for a reload."""
    return _adapted(loaded.again().settings, args, printer)


def _adapted(settings: Settings, args: argparse.Namespace, printer: _Printer) -> Settings:
    """The settings adapted to this command's flags and this machine's sound devices."""
    learn, speak = settings.personalise, settings.speak
    if args.no_learn:
        learn = learn.model_copy(update={"enabled": False})
    is_unheard = speak.device is None and speak.wav_dir is None and not args.service
    if is_unheard and not _is_there(portaudio.has_output):
        printer.note("No loudspeaker was found, so replies are written to files.")
        replies = settings.journal.path.parent / "replies"
        speak = speak.model_copy(update={"wav_dir": replies})
    return settings.model_copy(update={"personalise": learn, "speak": speak})


def _is_there(found: Callable[[], bool]) -> bool:
    """Whether a kind of device exists; without a sound system none does."""
    try:
        return found()
    except DependencyError:
        return False


def _answer_recordings(
    files: list[Path], args: argparse.Namespace, settings: Settings, printer: _Printer
) -> None:
    """Answer recordings; nothing is learned from them, and there is no control socket."""
    out = composition.sink(settings.speak)
    if args.input is None and isinstance(out, Loudspeaker):
        printer.before_turn = partial(_play_along, out)
    stopper = loop.Stopper()
    voice = Aloud(open_voice(settings.speak, settings.models.folder), out)
    with stopper.on_signals(), ExitStack() as owned:
        began = time.monotonic()
        promoted = Promoted(BridgeFolder(settings.bridges))
        assistant = owned.enter_context(
            composition.assistant(settings, voice, printer.note, trying=args.input is None)
        )
        printer.note(f"Models ready after {time.monotonic() - began:.1f} s.")
        maintenance = owned.enter_context(Maintenance(assistant, settings, promoted, printer.note))
        pace = Pace.REAL_TIME if args.real_time else Pace.FAST
        outcome = loop.run(
            assistant,
            _from_files(files, pace, settings, printer),
            stopper=stopper,
            reporter=printer,
            beside=maintenance,
            once=args.once,
        )
    if not outcome.turns and not printer.failures and not stopper.stopped:
        printer.note("No speech was found in the input.")
    if isinstance(out, WavSink) and outcome.turns:
        printer.note(f"Replies:    {settings.speak.wav_dir}")


def _begin_log() -> None:
    """Log to standard error under systemd, and nowhere else."""
    log = logging.getLogger("attune")
    if not log.handlers:
        log.setLevel(logging.INFO)
        is_service = "JOURNAL_STREAM" in os.environ
        log.addHandler(logging.StreamHandler() if is_service else logging.NullHandler())


def _show(error: BaseException) -> None:
    sys.stderr.write(traced(error))


def _from_files(
    files: list[Path], pace: Pace, settings: Settings, printer: _Printer
) -> Iterator[Utterance]:
    for path in files:
        try:
            yield from segment(
                frames(path, pace),
                voiced(settings.listen.vad_mode),
                settings.listen,
                words=_all_words,
                source=str(path),
            )
        except AudioFileError as error:  # noqa: PERF203 - one bad file leaves the others
            printer.failure(error)


def _all_words(_samples: NDArray[np.float32], _voiced_s: float) -> bool:
    """Whoever gives a recording wants all of it to be heard."""
    return True


def _play_along(out: Loudspeaker, utterance: Utterance) -> None:
    """Play the question as well, for a person at the loudspeaker."""
    out.begin("question")
    try:
        out.play(Speech(to_int16(utterance.samples), SAMPLE_RATE))
    finally:
        out.end()


class _Printer:
    """Prints exchanges for a person, or for a program.

    Args:
        as_json: for a program.
        discreet: print none of their words, because the system keeps a service's output for good.
        verbose: also print what was measured.
    """

    def __init__(self, *, as_json: bool, discreet: bool, verbose: bool) -> None:
        self._as_json = as_json
        self._verbose = verbose
        self._discreet = discreet
        self.failures = 0
        self.before_turn: Callable[[Utterance], None] = lambda _: None

    def begins(self, utterance: Utterance) -> None:
        """What is about to be answered."""
        self.before_turn(utterance)

    def note(self, text: str) -> None:
        """Print a message; on standard error if a program reads the output."""
        print_line(text, aside=self._as_json)
        sys.stdout.flush()

    def failure(self, error: AttuneError) -> None:
        """A turn or a recording that failed."""
        self.failures += 1
        print_error(str(error))

    def turn(self, turn: Turn) -> None:
        """One exchange."""
        if self._as_json:
            print_json(outline(turn) if self._discreet else turn.record())
        elif self._discreet:
            show_outline(turn, verbose=self._verbose)
        else:
            show(turn, verbose=self._verbose)
