"""``assistant enroll``: the user reads sentences aloud, and Attune learns how they sound."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.intake import LEARNS_FROM_THEM, Intake
from assistant.cli.shared.keys import ENTER, Keys
from assistant.cli.shared.output import print_line
from assistant.cli.shared.recordings import play
from assistant.config import Loaded, Settings
from assistant.control.client import Client
from assistant.errors import AudioError, ConfigError, ControlError, CorpusError
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.listen.capture import Microphone
from assistant.listen.segment import segment, voiced
from assistant.personalise.data.corpus import folder
from assistant.personalise.data.prompts import PROMPTS
from assistant.spoken import spoken_form
from assistant.values import FRAME_SAMPLES, AudioFrame, EndReason, Utterance

WIDTH = 60
"""Columns of a sentence on the screen."""

CLIPPED = 0.999
"""A sample of at least this magnitude counts as clipped."""

QUIET_DB = -42.0
"""Speech below this level drowns in the noise of most rooms."""


def register(subparsers: Subparsers) -> None:
    """Add ``enroll``."""
    parser = subparsers.add_parser("enroll", help="read sentences aloud, so that Attune learns")
    parser.add_argument(
        "--phrases", type=Path, metavar="FILE", help="sentences of your own, one per line, first"
    )
    parser.add_argument(
        "--count", type=positive, default=40, metavar="N", help="sentences today (default: 40)"
    )
    parser.add_argument(
        "--input",
        type=Path,
        metavar="FOLDER",
        help="recordings instead of a microphone, each with its text in a .txt file next to it",
    )
    parser.add_argument("--device", metavar="NAME", help="part of the microphone's name")
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal to use")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the user read the sentences that have not been read yet."""
    if args.input is not None:
        return _take_in(args.input, settings)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "Reading sentences aloud needs a terminal. Run 'assistant enroll' in one, or give "
            "it recordings with 'assistant enroll --input FOLDER'."
        )
    if Client(settings.control.path).is_running():
        raise ControlError(
            "Attune is running and would answer what you read aloud. Stop 'assistant run' first, "
            "and start it again afterwards."
        )
    own = phrases(args.phrases) if args.phrases is not None else []
    with Journal.open(settings.journal) as journal:
        waiting = unread([*own, *PROMPTS], journal)
        if not waiting:
            print_line(
                "Every sentence has been read. Add more of your own with "
                "'assistant enroll --phrases FILE'."
            )
            return 0
        with Keys() as keys:
            kept = _Sitting(settings, journal, keys).go_through(waiting[: args.count])
    print_line(f"\nSentences kept: {kept}. Left for another day: {len(waiting) - kept}.")
    if kept:
        print_line(LEARNS_FROM_THEM)
    return 0


def phrases(path: Path) -> list[str]:
    """The user's own sentences, one per line.

    Raises:
        CorpusError: if the file cannot be read, or a line cannot be learned from.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"Cannot read {path} ({error}). Write your sentences into a plain text file in UTF-8, "
            "one per line."
        ) from None
    found: list[str] = []
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            try:
                spoken_form(text)
            except ValueError as error:
                raise CorpusError(
                    f"{path}:{number}: the sentence contains {error}. Write it as it is spoken."
                ) from None
            found.append(text)
    return found


def unread(texts: Iterable[str], journal: Journal) -> list[str]:
    """The sentences that have not been read aloud yet, each once."""
    done = {turn.correction for turn in journal.turns() if turn.taught is Taught.ENROLLED}
    waiting: dict[str, str] = {}
    for text in texts:
        waiting.setdefault(spoken_form(text), text)
    return [text for said, text in waiting.items() if said not in done]


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a recording is."""

    decibels: float  # of its loud parts, relative to full scale
    clipped: bool  # whether the loudest samples are distorted

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> Level:
        """Measure a recording, mono 16 kHz in [-1, 1], shape (n_samples,)."""
        whole = samples[: samples.shape[0] // FRAME_SAMPLES * FRAME_SAMPLES]
        power = np.square(whole, dtype=np.float64).reshape(-1, FRAME_SAMPLES).mean(axis=1)
        loud = float(np.quantile(power, 0.9)) if power.size else 0.0
        clipped = np.count_nonzero(np.abs(samples) >= CLIPPED) > 0.0005 * samples.shape[0]
        return cls(10 * np.log10(max(loud, 1e-10)), bool(clipped))

    @property
    def advice(self) -> str:
        """What a person should know about it."""
        if self.clipped:
            return "too loud and distorted: move back or turn the microphone down, then press r"
        if self.decibels < QUIET_DB:
            return "very quiet: move closer or turn the microphone up, then press r"
        return "a good level"


_SKIP, _STOP = _ENDS = ("s", "q")


@dataclass(frozen=True, slots=True)
class _Sitting:
    """One person at the microphone."""

    settings: Settings
    journal: Journal
    keys: Keys

    def go_through(self, texts: list[str]) -> int:
        """Ask for one sentence after another; returns how many were kept."""
        print_line("Read each sentence aloud, in your own time. Stop whenever you like.")
        kept = 0
        for place, text in enumerate(texts, 1):
            _show(f"{place} of {len(texts)}", text)
            key = self._ask(text)
            if key == _STOP:
                break
            kept += key == ENTER
        return kept

    def _ask(self, text: str) -> str:
        """The key with which the person kept or skipped a sentence, or stopped."""
        while True:
            print_line("  Speak now.   (s skip, q stop for today)")
            sys.stdout.flush()
            try:
                heard = self._listen()
                key = heard if isinstance(heard, str) else self._judge(heard)
            except EOFError:
                return _STOP
            if isinstance(heard, Utterance) and key == ENTER:
                self.journal.enrolled(heard, spoken_form(text), Taught.ENROLLED)
                return key
            if key in _ENDS:
                return key

    def _listen(self) -> Utterance | str:
        """What was said, or the key pressed instead; the microphone is open only during this."""
        pressed: list[str] = []
        with Microphone(self.settings.listen) as microphone:

            def frames() -> Iterator[AudioFrame]:
                for frame in microphone:
                    if (key := self.keys.poll()) in _ENDS:
                        pressed.append(key)
                        return
                    yield frame

            detector = voiced(self.settings.listen.vad_mode)
            said = next(segment(frames(), detector, self.settings.listen), None)
        return pressed[0] if pressed or said is None else said

    def _judge(self, heard: Utterance) -> str:
        """The key with which the person decides about a recording."""
        print_line(f"  {heard.seconds:.1f} s, {Level.of(heard.samples).advice}.")
        if heard.end_reason is EndReason.MAX_LENGTH:
            print_line("  It was cut at the maximum length. Is a radio or television on?")
        print_line("  Enter keep, r record again, p play, s skip, q stop for today")
        sys.stdout.flush()
        copies: list[Path] = []
        try:
            while (key := self.keys.read()) not in (ENTER, "r", *_ENDS):
                if key == "p" and (path := self._play(heard)):
                    copies.append(path)
        finally:
            for copy in copies:  # a recording is kept in the journal or not at all
                copy.unlink(missing_ok=True)
        return key

    def _play(self, heard: Utterance) -> Path | None:
        """Play a recording; returns the file if it was written to one."""
        path = None
        try:
            path = play(heard.samples, self.settings.speak, "enrolment")
            print_line(f"  It is in {path} until you decide." if path else "  Played.")
        except AudioError as error:
            print_line(f"  {error}")
        sys.stdout.flush()
        return path


def _show(place: str, text: str) -> None:
    bold, plain = ("\x1b[1m", "\x1b[0m") if "NO_COLOR" not in os.environ else ("", "")
    print_line(f"\n  {place}\n")
    for line in textwrap.wrap(text, WIDTH):
        print_line(f"      {bold}{line}{plain}")
    print_line()


def _take_in(recordings: Path, settings: Settings) -> int:
    if not recordings.is_dir():
        raise CorpusError(f"There is no folder {recordings}. Check --input.")
    with Journal.open(settings.journal) as journal:
        intake = Intake(journal, Taught.ENROLLED)
        intake.take(folder.pairs(recordings))
        intake.print_summary()
    return intake.status
