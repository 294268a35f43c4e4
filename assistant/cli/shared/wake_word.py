"""A wake word of the user's own, as three examples: spoken now, or recorded before."""

from __future__ import annotations

import sys
from pathlib import Path

from assistant.cli.shared.keys import Keys
from assistant.cli.shared.output import print_line
from assistant.cli.shared.recorder import recorder
from assistant.config import Settings
from assistant.errors import AudioError
from assistant.journal import wake_examples
from assistant.journal.store import Journal
from assistant.listen.own_word import EXAMPLES, OwnWord, trimmed
from assistant.listen.recordings import load, recordings

_STOP = "q"


def record(settings: Settings) -> int:
    """Have the user say it, until there are enough examples; returns the exit status."""
    print_line(
        f"Say your wake word {EXAMPLES[0]} times, each time alone and as you usually say it. A "
        'sound will do, too, such as a hum or "ah-ah".'
    )
    with recorder(settings) as recording, Keys() as keys:
        kept = 0
        while kept < EXAMPLES[0]:
            print_line(f"\n  {kept + 1} of {EXAMPLES[0]}. Speak now.   (q stop)")
            sys.stdout.flush()
            try:
                heard = recording.listen(lambda: _STOP if keys.poll() == _STOP else None)
            except EOFError:
                heard = _STOP
            if isinstance(heard, str):
                print_line("Stopped. Attune has no wake word of yours until all are recorded.")
                return 1
            try:
                trimmed(heard.samples)
            except AudioError as error:
                print_line(f"  {error}")
                continue
            recording.call_by(heard, first=kept == 0)
            kept += 1
        is_in_use = settings.listen.wake_word == "own" and recording.use_word()
    _tell(settings, is_in_use=is_in_use)
    return 0


def take_in(path: Path, settings: Settings) -> int:
    """Learn it from recordings, each of which holds it once; returns the exit status.

    Raises:
        AudioError: if they are no such recordings, too few or too many.
    """
    found = [load(each) for each in recordings(path)]
    OwnWord(found)
    with Journal.open(settings.journal) as journal:
        wake_examples.replace(journal, found)
    _tell(settings, is_in_use=False)
    return 0


def _tell(settings: Settings, *, is_in_use: bool) -> None:
    if is_in_use:
        print_line("Attune listens for it from now on.")
    elif settings.listen.wake_word == "own":
        print_line("Attune listens for it from its next start on, or after 'assistant reload'.")
    else:
        print_line(
            "Recorded. To have Attune listen for it, run 'assistant config set listen.wake_word "
            "own'."
        )
