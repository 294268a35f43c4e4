"""``assistant enroll``: the user reads sentences aloud, and Attune learns how they sound."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.intake import LEARNS_FROM_THEM, Intake
from assistant.cli.shared.keys import ENTER, Keys
from assistant.cli.shared.output import print_line
from assistant.cli.shared.recorder import Recorder, recorder
from assistant.cli.shared.recordings import play
from assistant.cli.shared.wake_word import record, take_in
from assistant.config import Loaded, Settings
from assistant.errors import AudioError, ConfigError, CorpusError
from assistant.journal import sounds
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.corpus import folder
from assistant.personalise.data.prompts import PROMPTS
from assistant.personalise.data.quality import fault
from assistant.spoken import spoken_form
from assistant.values import Utterance

WIDTH = 60
"""Columns of a sentence on the screen."""


def register(subparsers: Subparsers) -> None:
    """Add ``enroll``."""
    parser = subparsers.add_parser("enroll")
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
    parser.add_argument(
        "--wake",
        action="store_true",
        help="record a wake word or sound of your own; with --input from three to five recordings",
    )
    parser.add_argument("--device", metavar="NAME", help="part of the microphone's name")
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal to use")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Have the user read the sentences that have not been read yet."""
    if args.wake and args.input is not None:
        return take_in(args.input, settings)
    if args.input is not None:
        return _take_in(args.input, settings)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            "Reading sentences aloud needs a terminal. Run 'assistant enroll' in one, or give "
            "it recordings with 'assistant enroll --input FOLDER'."
        )
    if args.wake:
        return record(settings)
    own = phrases(args.phrases) if args.phrases is not None else []
    with recorder(settings) as recording:
        waiting = unread([*own, *PROMPTS], recording.read_aloud())
        if not waiting:
            print_line(
                "Every sentence has been read. Add more of your own with "
                "'assistant enroll --phrases FILE'."
            )
            return 0
        with Keys() as keys:
            kept = _Sitting(settings, recording, keys).go_through(waiting[: args.count])
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


def unread(texts: Iterable[str], done: Collection[str]) -> list[str]:
    """The sentences that have not been read aloud yet, each once; ``done`` in spoken form."""
    waiting: dict[str, str] = {}
    for text in texts:
        waiting.setdefault(spoken_form(text), text)
    return [text for said, text in waiting.items() if said not in done]


_SKIP, _STOP = _ENDS = ("s", "q")


@dataclass(frozen=True, slots=True)
class _Sitting:
    """One person at the microphone."""

    settings: Settings
    recorder: Recorder
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
        said = spoken_form(text)
        while True:
            print_line("  Speak now.   (s skip, q stop for today)")
            sys.stdout.flush()
            try:
                heard = self.recorder.listen(self._pressed)
                key = heard if isinstance(heard, str) else self._judge(heard, said)
            except EOFError:
                return _STOP
            if isinstance(heard, Utterance) and key == ENTER:
                self.recorder.keep(heard, said)
                return key
            if key in _ENDS:
                return key

    def _pressed(self) -> str | None:
        """The key, pressed meanwhile, that ends the listening."""
        key = self.keys.poll()
        return key if key in _ENDS else None

    def _judge(self, heard: Utterance, text: str) -> str:
        """What the person decides about a recording: Enter to keep it, ``r``, or an end."""
        wrong = fault(heard, text)
        if wrong is None:
            print_line(f"  {heard.seconds:.1f} s, a good level.")
            print_line("  Enter keep, r record again, p play, s skip, q stop for today")
            return self._decided(heard, {ENTER: ENTER, "r": "r"})
        print_line(f"  {heard.seconds:.1f} s, {wrong.why}. Please say it again.")
        keep = "k keep all the same, " if wrong.may_be_kept else ""
        print_line(f"  Enter record again, p play, {keep}s skip, q stop for today")
        choices = {ENTER: "r", "r": "r"} | ({"k": ENTER} if wrong.may_be_kept else {})
        return self._decided(heard, choices)

    def _decided(self, heard: Utterance, choices: Mapping[str, str]) -> str:
        """What the next of these keys means, or the key of an end; ``p`` plays in between."""
        sys.stdout.flush()
        copies: list[Path] = []
        try:
            while (key := self.keys.read()) not in (*choices, *_ENDS):
                if key == "p" and (path := self._play(heard)):
                    copies.append(path)
        finally:
            for copy in copies:  # a recording is kept in the journal or not at all
                copy.unlink(missing_ok=True)
        return choices.get(key, key)

    def _play(self, heard: Utterance) -> Path | None:
        """Play a recording; returns the file if it was written to one."""
        path = None
        try:
            path = play(heard.samples, self.settings.speak, sounds.LESSON)
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
