"""What the commands that erase have in common: asking first, and telling what follows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from assistant.cli.shared.keys import answer
from assistant.cli.shared.output import print_line
from assistant.config import Settings
from assistant.errors import ConfigError
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import RETRAIN_DUE, Erased, erase, forget
from assistant.personalise.bridges.folder import BridgeFolder

_COPIES = "Exports and backups that you made elsewhere are not reached."
_NOT_WIPED = (
    "The database is large: pieces of old text inside it are wiped when the assistant is idle "
    "next; nothing shows them meanwhile."
)


def delete(journal: Journal, settings: Settings, turn_ids: Sequence[int], *, yes: bool) -> int:
    """Erase exchanges, after asking, and tell what follows."""
    folder = BridgeFolder(settings.bridges)
    what = "1 exchange" if len(turn_ids) == 1 else f"{len(turn_ids)} exchanges"
    return _erase(
        f"Erase {what} and what was learned from {'it' if len(turn_ids) == 1 else 'them'}?",
        lambda: erase(journal, folder, turn_ids, settings.speak.wav_dir),
        journal,
        folder,
        yes=yes,
    )


def delete_everything(journal: Journal, settings: Settings, *, yes: bool) -> int:
    """Erase all that was said and learned, after asking, and tell what follows."""
    folder = BridgeFolder(settings.bridges)
    return _erase(
        "Erase everything that was ever said, and everything that was learned?",
        lambda: forget(journal, folder, settings.speak.wav_dir),
        journal,
        folder,
        yes=yes,
    )


def _erase(
    question: str,
    act: Callable[[], Erased],
    journal: Journal,
    folder: BridgeFolder,
    *,
    yes: bool,
) -> int:
    if not (yes or _agreed(question)):
        print_line("Nothing was erased.")
        return 1
    erased = act()
    print_line(f"Erased: exchanges {erased.turns}, learned bridges {len(erased.bridges)}.")
    if erased.bridges:
        current = folder.current
        now = "The base bridge" if current is None else f"Bridge {current}"
        print_line(f"{now} answers from now on.")
    if journal.remembered(RETRAIN_DUE) is not None:
        print_line(
            "A new bridge is trained on what is left when the assistant is idle, or at once with "
            "'assistant retrain'."
        )
    if not erased.wiped:
        print_line(_NOT_WIPED)
    print_line(_COPIES)
    return 0


def _agreed(question: str) -> bool:
    """What a person at the terminal answers.

    Raises:
        ConfigError: if there is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigError("Erasing cannot be undone: add --yes, or run it in a terminal.")
    return answer(f"{question} This cannot be undone. [y/N] ") in ("y", "yes")
