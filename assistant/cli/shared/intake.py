"""Imports recordings with their texts into the journal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from assistant.cli.shared.output import plain, print_error, print_json, print_line
from assistant.journal.store import Journal
from assistant.journal.turn import Taught
from assistant.personalise.data.corpus import Found, Pair, Problem, Skipped
from assistant.values import EndReason, Utterance

LEARNS_FROM_THEM = "Attune learns from them when it is idle, or now with 'assistant retrain'."


@dataclass(slots=True)
class Intake:
    """Puts pairs of sound and text into the journal, and counts them."""

    journal: Journal
    taught: Taught
    dry_run: bool = False
    quiet: bool = False
    imported: int = 0
    already: int = 0
    seconds: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter[str])  # by reason
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def status(self) -> int:
        """The exit status: 1 if something was wrong and nothing could be imported."""
        return 1 if self.problems and not self.imported and not self.already else 0

    def take(self, found: Iterable[Found]) -> None:
        """Keep each pair in a transaction of its own, and report each problem.

        Raises:
            CorpusError: if there is no corpus.
            JournalError: if a pair cannot be kept.
        """
        known = {turn.source for turn in self.journal.turns() if turn.taught is not None}
        for each in found:
            if isinstance(each, Problem):
                self.problems.append(each)
                self._show("")
                print_error(f"{each.where}: {each.why}")
            elif isinstance(each, Skipped):
                self.skipped[each.why] += 1
            elif each.source in known:
                self.already += 1
            else:
                known.add(each.source)
                self._keep(each)
            self._show(f"{self.imported} imported, {self.already} already there")
        self._show("")

    def _show(self, progress: str) -> None:
        if sys.stdout.isatty() and not self.quiet and not self.dry_run:
            sys.stdout.write(f"\r\x1b[K{progress}")
            sys.stdout.flush()

    def _keep(self, pair: Pair) -> None:
        if not self.dry_run:
            now = datetime.now().astimezone()
            utterance = Utterance(pair.samples, now, EndReason.STOP, source=pair.source)
            self.journal.enrolled(utterance, pair.text, self.taught)
        elif not self.quiet:
            print_line(f"{plain(pair.source)}: {pair.text}")
        self.imported += 1
        self.seconds += pair.seconds

    def print_summary(self) -> None:
        """Print the counts for a person."""
        self._show("")
        did = "Would import" if self.dry_run else "Imported"
        print_line(f"{did}: sentences {self.imported}, {self.seconds / 60:.1f} minutes of speech.")
        if self.already:
            print_line(f"Already there: sentences {self.already}.")
        if self.skipped:
            reasons = ", ".join(f"{why} {count}" for why, count in self.skipped.most_common())
            print_line(f"Left out: {reasons}.")
        if self.problems:
            print_line(f"To be fixed: problems {len(self.problems)}.")
        if self.imported and not self.dry_run:
            print_line(LEARNS_FROM_THEM)

    def print_json(self) -> None:
        """Print the counts for a program."""
        print_json(
            {
                "imported": self.imported,
                "already_there": self.already,
                "seconds": round(self.seconds, 3),
                "skipped": dict(self.skipped),
                "problems": [asdict(problem) for problem in self.problems],
                "dry_run": self.dry_run,
            }
        )
