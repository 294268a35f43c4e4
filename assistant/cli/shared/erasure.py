"""What the commands that erase have in common: asking first, and reporting the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from assistant.cli.shared.keys import ENTER, Keys, answer
from assistant.cli.shared.output import plain, print_line
from assistant.cli.shared.past_exchanges import InJournal
from assistant.cli.shared.training import train_here
from assistant.config import Settings
from assistant.control.client import Client
from assistant.errors import ConfigError
from assistant.household.calendar_files import CalendarFiles
from assistant.journal.store import Journal
from assistant.personalise.bridges import erasure
from assistant.personalise.bridges.folder import BridgeFolder
from assistant.personalise.training.request import Request

SHOWN = 5
"""Most exchanges that are shown before they are erased."""

_YES = ("y", "yes")
_UNDO = "u"

_COPIES = "Exports and backups that you saved elsewhere are not erased."
_NOT_WIPED = (
    "The database is large: remnants of old text inside it are wiped the next time the assistant "
    "is idle; nothing shows them until then."
)


Past: TypeAlias = Journal | InJournal
"""The journal, or the daemon that keeps it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an erasure ended."""

    status: int  # of the command
    forgot: bool  # something learned went with it, which can be learned again from what is left


_NOTHING = Outcome(1, forgot=False)


def loss(past: Past, settings: Settings, turn_ids: Sequence[int]) -> str | None:
    """What Attune would forget with these exchanges, in a sentence; ``None``: nothing in use."""
    if isinstance(past, InJournal):
        found = past.loss(turn_ids)
    else:
        found = erasure.loss(past, BridgeFolder(settings.bridges), turn_ids)
    if found is None:
        return None
    then = "as if it had never learned your voice"
    if found.left is not None:
        then = f"with what it had learned by {found.left.astimezone():%d %B %Y}"
    learned = f"{found.recordings} recording{'s' * (found.recordings != 1)}"
    return (
        f"Attune has learned from this: what it learned from {learned} is forgotten with it. "
        f"Until it has learned again from what is left, it hears {then}."
    )


def learn_again(settings: Settings, wanted: Callable[[str], str | None] = answer) -> None:
    """Offer to learn again from what is left, and do it if that is wished.

    Args:
        settings: all of them.
        wanted: asks a question, and gives what was answered, in lower case.
    """
    if not sys.stdin.isatty():
        return
    if wanted("Learn again from what is left now? It may take some minutes. [y/N] ") not in _YES:
        return
    request, client = Request("base"), Client(settings.control.path)
    if client.is_running():
        client.retrain(request.start)
        print_line("Attune learns as soon as it has room for it. 'assistant status' shows how far.")
    else:
        train_here(settings, request, verbose=False)


def delete(past: Past, settings: Settings, turn_ids: Sequence[int], *, yes: bool) -> Outcome:
    """Erase exchanges and print the result; what Attune forgets with them is said before.

    Whoever is asked may take it back until the last moment: before that, nothing is erased.

    Raises:
        ConfigError: if nobody can be asked, and ``yes`` does not confirm it.
    """
    if (forgets := loss(past, settings, turn_ids)) is not None:
        print_line(forgets)
    if len(turn_ids) == 1:
        question = "Erase 1 exchange and what was learned from it?"
    else:
        question = f"Erase {len(turn_ids)} exchanges and what was learned from them?"
    if not (yes or _agreed(question, _shown(past, turn_ids))):
        return _NOTHING
    if isinstance(past, InJournal):
        done = past.erase(turn_ids)
    else:
        done = erasure.erase(past, BridgeFolder(settings.bridges), turn_ids, settings.speak.wav_dir)
    _tell(done)
    return Outcome(0, forgot=bool(done.bridges))


def forget(journal: Journal, settings: Settings, *, yes: bool) -> Outcome:
    """Erase all that was said and learned, and print the result; raises as ``delete``."""
    if not (
        yes or _agreed("Erase everything that was ever said, and everything that was learned?")
    ):
        return _NOTHING
    CalendarFiles.beside(settings.journal.path).clear()
    _tell(erasure.forget(journal, BridgeFolder(settings.bridges), settings.speak.wav_dir))
    return Outcome(0, forgot=False)


def _tell(erased: erasure.Erased) -> None:
    print_line(f"Erased: exchanges {erased.turns}, learned versions {len(erased.bridges)}.")
    if erased.bridges:
        now = "What Attune came with" if erased.current is None else f"Version {erased.current}"
        print_line(f"{now} is in use from now on.")
    if erased.learns_again:
        print_line(
            "Attune learns again from what is left when it is idle, or now with 'assistant "
            "retrain'."
        )
    if not erased.wiped:
        print_line(_NOT_WIPED)
    print_line(_COPIES)


def _shown(past: Past, turn_ids: Sequence[int]) -> Iterator[str]:
    """Lines by which a person recognises what they are about to erase."""
    for turn_id in turn_ids[:SHOWN]:
        turn = past.turn(turn_id)
        at = f"{turn.started_at.astimezone():%d %B %Y, %H:%M}"
        yield f"  {turn.id}, {at}: {plain(turn.text or '')}"
    if len(turn_ids) > SHOWN:
        yield f"  and {len(turn_ids) - SHOWN} more"


def _agreed(question: str, shown: Iterable[str] = ()) -> bool:
    """Whether a person wants it and does not take that back."""
    if not sys.stdin.isatty():
        raise ConfigError("Erasing cannot be undone: add --yes, or run it in a terminal.")
    for line in shown:
        print_line(line)
    agreed = False
    try:
        agreed = answer(f"{question} [y/N] ") in _YES and _stays()
    finally:  # after Ctrl-C, too
        if not agreed:
            print_line("Nothing was erased.")
    return agreed


def _stays() -> bool:
    """Whether what was just decided is not taken back."""
    with Keys() as keys:  # from here on: an Enter that was pressed too often before does not count
        print_line("Nothing is gone yet. Press Enter to erase it for good, or u to take it back.")
        sys.stdout.flush()
        with suppress(EOFError):
            while (key := keys.read()) not in (ENTER, _UNDO):
                pass
            return key == ENTER
    return False
