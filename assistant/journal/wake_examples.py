"""Recordings of the user's own wake word, kept in the journal, and erased with everything."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.errors import JournalError
from assistant.journal import flac
from assistant.journal.database import JournalDatabase

_NAME = "wake_example:"


def examples(journal: JournalDatabase) -> list[NDArray[np.float32]]:
    """All of them, mono 16 kHz in [-1, 1], (n_samples,) each.

    Raises:
        JournalError: if they cannot be read.
    """
    found = journal.memories(_NAME)
    try:
        return [flac.decode(base64.b64decode(found[name], validate=True)) for name in sorted(found)]
    except ValueError as error:
        raise JournalError(
            f"The examples of your wake word cannot be read ({error}). Record it again with "
            "'assistant enroll --wake'."
        ) from None


def add(journal: JournalDatabase, example: NDArray[np.float32], *, first: bool) -> None:
    """Keep one more; the first of a new word in place of all before it.

    Raises:
        JournalError: if it cannot be written.
    """
    known = sorted(journal.memories(_NAME))
    if first:
        replace(journal, [example])
    else:
        journal.remember(f"{_NAME}{len(known):02}", _text(example))


def replace(journal: JournalDatabase, kept: Sequence[NDArray[np.float32]]) -> None:
    """Keep these, and none of before; raises as ``add``."""
    for name in journal.memories(_NAME):
        journal.forget(name)
    for number, each in enumerate(kept):
        journal.remember(f"{_NAME}{number:02}", _text(each))


def _text(example: NDArray[np.float32]) -> str:
    return base64.b64encode(flac.encode(example)).decode("ascii")
