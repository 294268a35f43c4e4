"""``assistant review``: a carer goes through what Attune was unsure of and corrects it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.exchange import with_confidence
from assistant.cli.shared.keys import Keys
from assistant.cli.shared.output import plain, print_line
from assistant.cli.shared.recordings import play
from assistant.config import Loaded, Settings
from assistant.errors import AudioError, JournalError
from assistant.journal.store import Journal
from assistant.journal.turn import Turn
from assistant.spoken import spoken_form
from assistant.values import Route


def register(subparsers: Subparsers) -> None:
    """Add ``review``."""
    parser = subparsers.add_parser(
        "review", help="listen to what Attune was unsure of, and correct it"
    )
    parser.add_argument(
        "--limit", type=positive, default=20, metavar="N", help="how many at most (default: 20)"
    )
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Go through the uncertain exchanges, least certain first."""
    with Journal.open(settings.journal) as journal, Keys() as keys:
        waiting = uncertain(journal, settings.personalise.confident)
        if not waiting:
            print_line(
                "There is nothing to review: Attune is sure of everything that was said, or "
                "somebody has reviewed it."
            )
            return 0
        review = _Review(settings, journal, keys)
        try:
            review.go_through(waiting[: args.limit])
        finally:  # even after Ctrl-C, what was marked for deletion is deleted
            review.erase()
        left = len(uncertain(journal, settings.personalise.confident))
    print_line(f"\nReviewed: {review.settled}. Still to review: {left}.")
    return 0


def uncertain(journal: Journal, confident: float) -> list[Turn]:
    """Recorded exchanges that nobody has reviewed and Attune is not sure of, least sure first."""
    waiting = [
        turn
        for turn in journal.turns()
        if turn.has_audio and turn.consent and turn.taught is None and _sure(turn) < confident
    ]
    return sorted(waiting, key=_sure)


def _sure(turn: Turn) -> float:
    """How sure Attune was of what it answered, 0 to 1."""
    by_bridge = turn.route is Route.BRIDGE
    return (turn.bridge_confidence if by_bridge else turn.confidence) or 0.0


@dataclass(slots=True)
class _Review:
    """One carer at the keyboard; each decision is saved at once."""

    settings: Settings
    journal: Journal
    keys: Keys
    settled: int = 0
    to_erase: list[int] = field(default_factory=list[int])

    def go_through(self, turns: list[Turn]) -> None:
        """Ask about one exchange after another, until the end or ``q``."""
        for place, turn in enumerate(turns, 1):
            print_line(f"\n  {place} of {len(turns)}")
            for name, text in _details(turn):
                print_line(f"    {name:<11} {plain(text)}")
            try:
                if not self._ask(turn):
                    return
            except EOFError:
                return

    def erase(self) -> None:
        """Delete what was marked, and the bridges trained on it."""
        if self.to_erase:
            # learned bridges are read with torch, which takes seconds
            from assistant.cli.shared import erasure  # noqa: PLC0415

            erasure.delete(self.journal, self.settings, self.to_erase, yes=True)

    def _ask(self, turn: Turn) -> bool:
        """Whether to continue with the next one."""
        answers: dict[str, Callable[[Turn], bool]] = {
            "p": self._play,
            "a": self._accept,
            "t": self._type,
            "n": self._leave_alone,
            "d": self._delete,
        }
        print_line("  p play, a understood correctly, t type what was said, s skip,")
        print_line("  n do not learn from it, d delete, q stop")
        while True:
            sys.stdout.flush()
            key = self.keys.read()
            if key == "q":
                return False
            if key == "s":
                return True
            if key in answers and answers[key](turn):
                self.settled += 1
                return True

    def _play(self, turn: Turn) -> bool:
        try:
            samples = self.journal.audio(turn.id)
            path = play(samples, self.settings.speak, f"exchange-{turn.id}")
        except (AudioError, JournalError) as error:
            print_line(f"  {error}")
        else:
            print_line(f"  Written to {path}." if path else "  Played.")
        return False

    def _accept(self, turn: Turn) -> bool:
        if not (turn.understood or "").strip():
            print_line("  Nothing was understood: press t and type what was said.")
            return False
        print_line(f"  Noted: {plain(self.journal.confirm(turn.id))}")
        return True

    def _type(self, turn: Turn) -> bool:
        sys.stdout.write("  What was said: ")
        sys.stdout.flush()
        typed = self.keys.line()
        if not typed:
            print_line("  Nothing typed, nothing changed.")
            return False
        try:
            text = spoken_form(typed)
        except ValueError as error:
            print_line(f"  That contains {error}. Press t and write it as it is spoken.")
            return False
        self.journal.correct(turn.id, text)
        print_line(f"  Noted: {text}")
        return True

    def _leave_alone(self, turn: Turn) -> bool:
        self.journal.consent(turn.id, allowed=False)
        print_line("  Attune will not learn from it.")
        return True

    def _delete(self, turn: Turn) -> bool:
        self.to_erase.append(turn.id)
        print_line("  It will be deleted when you stop.")
        return True


def _details(turn: Turn) -> list[tuple[str, str]]:
    shown = [
        ("when", f"{turn.started_at.astimezone():%A %d %B %Y, %H:%M}, {turn.seconds or 0:.1f} s"),
        ("transcript", with_confidence(turn.hypothesis, turn.confidence)),
    ]
    if turn.heard is not None:
        shown.append(("heard", with_confidence(turn.heard, turn.bridge_confidence)))
    reply = turn.reply if turn.reply is not None else f"({turn.error or 'not answered'})"
    return [*shown, ("reply", reply)]
