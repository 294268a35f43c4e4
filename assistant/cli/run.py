"""``assistant run``: listen and answer until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from assistant.audio.resample import to_int16
from assistant.bridge.connect import Bridge
from assistant.cli import rooms
from assistant.cli.arguments import Subparsers
from assistant.cli.output import plain, print_json, print_line
from assistant.config import Loaded, Settings, starter_dir
from assistant.control.server import Server
from assistant.daemon import loop
from assistant.daemon.upkeep import Promoted, Upkeep
from assistant.errors import AttuneError, AudioFileError
from assistant.journal.turn import Turn
from assistant.listen.capture import Microphone
from assistant.listen.endpoint import HalfDuplex, segment, voiced
from assistant.listen.replay import Pace, frames, recordings
from assistant.personalise.promote import BridgeFolder
from assistant.speak.aloud import Sink
from assistant.speak.espeak import Espeak, Speech
from assistant.speak.playback import Loudspeaker, WavSink
from assistant.turn import NO_WORDS, Aloud, Assistant
from assistant.values import SAMPLE_RATE, Route, Timings, Utterance


def register(subparsers: Subparsers) -> None:
    """Add ``run``."""
    parser = subparsers.add_parser("run", help="listen to the microphone and answer aloud")
    parser.add_argument(
        "--input", type=Path, metavar="FILE_OR_FOLDER", help="recordings in place of a microphone"
    )
    parser.add_argument("--once", action="store_true", help="stop after the first exchange")
    parser.add_argument("--json", action="store_true", help="print one JSON object per exchange")
    parser.add_argument("--route", choices=("auto", "bridge", "transcript"))
    parser.add_argument("--device", metavar="NAME", help="part of the microphone's name")
    parser.add_argument(
        "--real-time", action="store_true", help="play recordings in at the pace of speech"
    )
    parser.add_argument(
        "--no-learn", action="store_true", help="do not train by itself when the device is idle"
    )
    add_shared(parser)
    parser.set_defaults(run=run)


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Flags of every command that answers."""
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal to keep")
    parser.add_argument(
        "--wav-dir", type=Path, metavar="FOLDER", help="write replies there instead of aloud"
    )


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Answer what is said until the end of the input, or Ctrl-C."""
    tell = _Teller(as_json=args.json)
    _begin_log()
    source: Path | None = args.input
    examples = False
    if source is None and settings.listen.device is None and not rooms.can_listen():
        tell.note("There is no microphone here, so Attune answers its bundled recordings.")
        source, examples = starter_dir() / "examples", True
    replies = settings.journal.path.parent / "replies"
    out = rooms.sink(settings.speak, settings.speak.model_copy(update={"wav_dir": replies}))
    if isinstance(out, WavSink) and settings.speak.wav_dir is None:
        tell.note("There is no loudspeaker here, so replies are written to files.")
    files = recordings(source) if source is not None else []
    half_duplex = HalfDuplex(settings.listen)
    if args.no_learn:
        settings = _not_learning(settings)
    stopper = loop.Stopper()
    voice = Aloud(Espeak(settings.speak), out, half_duplex.speaking)
    with stopper.on_signals(), ExitStack() as owned:
        began = time.monotonic()
        # first of all: a second daemon should not load its models beside the first one's
        server = None if files else owned.enter_context(Server(settings.control.path))
        promoted = Promoted(BridgeFolder(settings.bridges))
        assistant = owned.enter_context(rooms.assistant(settings, voice, tell.note))
        tell.note(f"Models ready after {time.monotonic() - began:.1f} s.")
        load = partial(_load, settings, assistant)
        upkeep = owned.enter_context(Upkeep(assistant, settings, promoted, load, tell.note, server))
        if files:
            pace = Pace.REAL_TIME if args.real_time else Pace.FAST
            heard: Iterator[Utterance] = _from_files(files, pace, settings, tell)
        else:
            microphone = owned.enter_context(Microphone(settings.listen))
            stopper.also(microphone.stop)
            is_speech = loop.noticing(voiced(settings.listen.vad_mode), upkeep.speech)
            heard = segment(microphone, is_speech, settings.listen, deaf=half_duplex.deaf)
            tell.note("Listening. Speak, and stop with Ctrl-C.")
        outcome = loop.run(
            assistant,
            heard,
            stopper=stopper,
            on_turn=tell.turn,
            on_failure=tell.failure,
            before_turn=partial(_play_along, out) if examples else lambda _: None,
            beside=upkeep,
            once=args.once,
        )
    if files and not outcome.turns and not tell.failures and not stopper.stopped:
        tell.note("No speech was found in the input.")
    if isinstance(out, WavSink) and outcome.turns:
        tell.note(f"Replies:    {settings.speak.wav_dir or replies}")
    if source is not None:
        tell.note(f"Recordings: {source}")
    tell.note(f"Database:   {settings.journal.path}")
    return 1 if tell.failures else 0


def _begin_log() -> None:
    """Write the log to standard error under systemd, where nobody sees a progress bar."""
    log = logging.getLogger("attune")
    if not log.handlers:
        log.setLevel(logging.INFO)
        is_service = "JOURNAL_STREAM" in os.environ
        log.addHandler(logging.StreamHandler() if is_service else logging.NullHandler())


def _not_learning(settings: Settings) -> Settings:
    learning = settings.personalise.model_copy(update={"enabled": False})
    return settings.model_copy(update={"personalise": learning})


def _load(settings: Settings, assistant: Assistant, version: str | None) -> Bridge | None:
    return rooms.bridge_of(version, settings, assistant.encoder, assistant.llm)


def _from_files(
    files: list[Path], pace: Pace, settings: Settings, tell: _Teller
) -> Iterator[Utterance]:
    for path in files:
        try:
            yield from segment(
                frames(path, pace),
                voiced(settings.listen.vad_mode),
                settings.listen,
                source=str(path),
            )
        except AudioFileError as error:  # noqa: PERF203 - one bad file leaves the others
            tell.failure(error)


def _play_along(out: Sink, utterance: Utterance) -> None:
    """Let a person at the loudspeaker hear the question, too."""
    if isinstance(out, Loudspeaker):
        out.begin("question")
        try:
            out.play(Speech(to_int16(utterance.samples), SAMPLE_RATE))
        finally:
            out.end()


class _Teller:
    """Prints exchanges for a person, or for a program."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.failures = 0

    def note(self, text: str) -> None:
        """Something beside the exchanges; on standard error when a program reads the output."""
        (sys.stderr if self._as_json else sys.stdout).write(text + "\n")
        sys.stdout.flush()

    def failure(self, error: AttuneError) -> None:
        """A turn or a recording that failed."""
        self.failures += 1
        sys.stderr.write(f"assistant: {error}\n")

    def turn(self, turn: Turn) -> None:
        """One exchange."""
        if self._as_json:
            print_json(turn.record())
        else:
            show(turn)


def show(turn: Turn) -> None:
    """Print one exchange for a person."""
    print_line()
    if turn.error == NO_WORDS:
        print_line(f"  (exchange {turn.id}: a sound, but no words)")
        return
    by_bridge = turn.route is Route.BRIDGE
    heard = turn.heard if by_bridge else turn.text
    print_line(f"  you     {plain(heard or '')}")
    if turn.hypothesis is not None and heard != turn.hypothesis:
        print_line(f"          (transcript: {plain(turn.hypothesis)})")
    print_line(f"  Attune  {plain(turn.reply or '')}")
    if turn.timings is not None:
        sure = turn.bridge_confidence if by_bridge else turn.confidence
        route = turn.route.value if turn.route else "none"
        print_line(f"          {route} route, {sure or 0:.0%} sure")
        print_line(f"          {stages(turn.timings)}")
    sys.stdout.flush()


def stages(timings: Timings) -> str:
    """Stage times in one line."""
    parts = (
        ("encode", timings.encode),
        ("bridge", timings.bridge),
        ("prefill", timings.prefill),
        ("first token", timings.first_token),
        ("first sound", timings.first_audio),
        ("total", timings.total),
    )
    return ", ".join(f"{name} {ms:.0f}" for name, ms in parts if ms is not None) + " ms"
