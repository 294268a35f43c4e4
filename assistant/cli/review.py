"""``assistant review``: a carer goes through what Attune was unsure of and corrects it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assistant.cli.shared import erasure, past_exchanges
from assistant.cli.shared.arguments import Subparsers, positive
from assistant.cli.shared.erasure import Past
from assistant.cli.shared.exchange import with_confidence
from assistant.cli.shared.keys import Keys
from assistant.cli.shared.output import plain, print_line
from assistant.config import Loaded, Settings
from assistant.errors import AudioError, ControlError, JournalError
from assistant.journal.turn import Turn
from assistant.spoken import spoken_form
from assistant.values import Route

_NOTHING_UNSURE = (
    "There is nothing to review: Attune is sure of everything that was said, or somebody has "
    "reviewed it. 'assistant review --sure' goes through what it was sure of."
)
_NOTHING_SURE = "There is nothing that Attune was sure of and nobody has reviewed."


def register(subparsers: Subparsers) -> None:
    """Add ``review``."""
    parser = subparsers.add_parser("review")
    parser.add_argument(
        "--limit", type=positive, default=20, metavar="N", help="how many at most (default: 20)"
    )
    parser.add_argument(
        "--sure", action="store_true", help="go through what Attune was sure of instead"
    )
    parser.add_argument("--database", type=Path, metavar="FILE", help="the journal")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings, _loaded: Loaded) -> int:
    """Go through the uncertain exchanges, least certain first, or through the others."""
    confident = settings.personalise.confident
    find = certain if args.sure else uncertain
    with past_exchanges.opened(settings) as journal, Keys() as keys:
        waiting = find(journal, confident)
        if not waiting:
            print_line(_NOTHING_SURE if args.sure else _NOTHING_UNSURE)
            return 0
        review = _Review(settings, journal, keys)
        try:
            review.go_through(waiting[: args.limit])
        finally:  # even after Ctrl-C, what was marked for deletion is deleted
            forgot = review.erase()
        left = len(find(journal, confident))
    print_line(f"\nReviewed: {len(review.decided)}. Still to review: {left}.")
    if forgot:
        erasure.learn_again(settings)
    return 0


def uncertain(journal: Past, confident: float) -> list[Turn]:
    """Recorded exchanges that nobody has reviewed and Attune is not sure of, least sure first."""
    return sorted((turn for turn in _unseen(journal) if _sure(turn) < confident), key=_sure)


def certain(journal: Past, confident: float) -> list[Turn]:
    """Those that Attune is sure of, in which there may be mistakes all the same, newest first."""
    return [turn for turn in _unseen(journal) if _sure(turn) >= confident]


def _unseen(journal: Past) -> Iterator[Turn]:
    for turn in journal.turns():
        if turn.has_audio and turn.consent and turn.taught is None:
            yield turn


def _sure(turn: Turn) -> float:
    """How sure Attune was of what it answered, 0 to 1."""
    by_bridge = turn.route is Route.BRIDGE
    return (turn.bridge_confidence if by_bridge else turn.confidence) or 0.0


@dataclass(slots=True)
class _Review:
    """One carer at the keyboard; each decision is saved at once, and deletions at the end."""

    settings: Settings
    journal: Past
    keys: Keys
    decided: list[Turn] = field(default_factory=list[Turn])  # as they were, in that order
    to_erase: list[int] = field(default_factory=list[int])

    def go_through(self, turns: list[Turn]) -> None:
        """Ask about one exchange after another, until the end or ``q``."""
        place = 0
        while place < len(turns):
            turn = turns[place]
            print_line(f"\n  {place + 1} of {len(turns)}")
            for name, text in _details(turn):
                print_line(f"    {name:<11} {plain(text)}")
            try:
                key = self._ask(turn)
            except EOFError:
                return
            if key == "q":
                return
            if key == "u":
                place = turns.index(self._undo())
            else:
                place += 1

    def erase(self) -> bool:
        """Delete what was marked, and what was learned from it; whether there was such."""
        if not self.to_erase:
            return False
        return erasure.delete(self.journal, self.settings, self.to_erase, yes=True).forgot

    def _ask(self, turn: Turn) -> str:
        """The key that decided."""
        answers: dict[str, Callable[[Turn], bool]] = {
            "p": self._play,
            "a": self._accept,
            "t": self._type,
            "n": self._leave_alone,
            "d": self._delete,
        }
        right = (turn.understood or "").strip()
        agree = f'a "{plain(right)}" is right, ' if right else ""
        undo = "u undo the last, " if self.decided else ""
        print_line(f"  p play, {agree}t type what was said, s skip,")
        print_line(f"  n do not learn from it, d delete, {undo}q stop")
        while True:
            sys.stdout.flush()
            key = self.keys.read()
            if key in ("q", "s") or (key == "u" and self.decided):
                return key
            if key in answers and answers[key](turn):
                self.decided.append(turn)
                return key

    def _undo(self) -> Turn:
        """Take back the last decision, and return the exchange that it was about."""
        turn = self.decided.pop()
        if turn.id in self.to_erase:
            self.to_erase.remove(turn.id)
        else:
            self.journal.put_back(turn)
        print_line("  Taken back.")
        return turn

    def _play(self, turn: Turn) -> bool:
        from assistant.cli.shared.recordings import play  # noqa: PLC0415 - loads the sound system

        try:
            samples = self.journal.audio(turn.id)
            path = play(samples, self.settings.speak, f"exchange-{turn.id}")
        except (AudioError, ControlError, JournalError) as error:
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
        if (forgets := erasure.loss(self.journal, self.settings, [turn.id])) is not None:
            print_line(f"  {forgets} Press u to keep it.")
        return True


def _details(turn: Turn) -> list[tuple[str, str]]:
    """Names and texts; what "right" confirms stands first."""
    heard = with_confidence(turn.heard, turn.bridge_confidence)
    transcript = with_confidence(turn.hypothesis, turn.confidence)
    shown = [
        ("when", f"{turn.started_at.astimezone():%A %d %B %Y, %H:%M}, {turn.seconds or 0:.1f} s")
    ]
    if turn.route is Route.BRIDGE:
        shown += [("understood", heard), ("or perhaps", transcript)]
    else:
        shown.append(("understood", transcript))
        if turn.heard is not None:
            shown.append(("or perhaps", heard))
    reply = turn.reply if turn.reply is not None else f"({turn.error or 'not answered'})"
    return [*shown, ("reply", reply)]
