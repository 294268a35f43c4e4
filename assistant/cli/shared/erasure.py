"""What the commands that erase have in common: asking first, and reporting the result."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from assistant.cli.shared.keys import answer
from assistant.cli.shared.output import print_line
from assistant.config import Settings
from assistant.errors import ConfigError
from assistant.journal.store import Journal
from assistant.personalise.bridges.erasure import RETRAIN_DUE, erase, forget
from assistant.personalise.bridges.folder import BridgeFolder

_COPIES = "Exports and backups that you saved elsewhere are not erased."
_NOT_WIPED = (
    "The database is large: remnants of old text inside it are wiped the next time the assistant "
    "is idle; nothing shows them until then."
)


def delete(
    journal: Journal, settings: Settings, turn_ids: Sequence[int] | None, *, yes: bool
) -> int:
    """Erase exchanges, or with ``None`` all that was said and learned, and print the result.

    Raises:
        ConfigError: if nobody can be asked, and ``yes`` does not confirm it.
    """
    folder = BridgeFolder(settings.bridges)
    if turn_ids is None:
        question = "Erase everything that was ever said, and everything that was learned?"
    elif len(turn_ids) == 1:
        question = "Erase 1 exchange and what was learned from it?"
    else:
        question = f"Erase {len(turn_ids)} exchanges and what was learned from them?"
    if not (yes or _agreed(question)):
        print_line("Nothing was erased.")
        return 1
    if turn_ids is None:
        erased = forget(journal, folder, settings.speak.wav_dir)
    else:
        erased = erase(journal, folder, turn_ids, settings.speak.wav_dir)
    print_line(f"Erased: exchanges {erased.turns}, learned bridges {len(erased.bridges)}.")
    if erased.bridges:
        current = folder.current
        now = "The base bridge" if current is None else f"Bridge {current}"
        print_line(f"{now} is in use from now on.")
    if journal.remembered(RETRAIN_DUE) is not None:
        print_line(
            "Attune learns again from what is left when it is idle, or now with 'assistant "
            "retrain'."
        )
    if not erased.wiped:
        print_line(_NOT_WIPED)
    print_line(_COPIES)
    return 0


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("Erasing cannot be undone: add --yes, or run it in a terminal.")
    return answer(f"{question} This cannot be undone. [y/N] ") in ("y", "yes")
