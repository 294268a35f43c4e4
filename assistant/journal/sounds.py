"""Names of the files that replies are written to, by which an erasure finds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from assistant.journal.turn import stamp

_NUMBERED = re.compile(r"(?:turn|exchange)-(\d+)(?:-\d+)?\.wav")
_TIMED = re.compile(r"turn-at-(\d+)(?:-\d+)?\.wav")
LESSON = "enrolment"
"""Name of a sentence that was read aloud, until somebody has decided whether to keep it."""

_LESSON = re.compile(rf"{LESSON}(?:-\d+)?\.wav")
_ANY = re.compile(rf"(?:(?:turn|exchange)-\d+|turn-at-\d+|say|{LESSON})(?:-\d+)?\.wav")


def name(turn_id: int, started_at: Callable[[], datetime]) -> str:
    """What the reply of an exchange is called; one that has no row yet, by when it began."""
    return f"turn-{turn_id:06d}" if turn_id > 0 else f"turn-at-{_digits(stamp(started_at()))}"


def belongs(file: str, erased: Mapping[int, str | None] | None) -> bool:
    """Whether a file of this name goes with these exchanges.

    Args:
        file: the name.
        erased: when each began; ``None``: everything.
    """
    if erased is None:
        return _ANY.fullmatch(file) is not None
    if _LESSON.fullmatch(file):  # left by a killed process, so it may be of any
        return True
    if numbered := _NUMBERED.fullmatch(file):
        # version 0.1 gave 0 to every exchange without a row, so it may be of any
        return int(numbered[1]) in {0, *erased}
    timed = _TIMED.fullmatch(file)
    return timed is not None and timed[1] in {_digits(at) for at in erased.values() if at}


def _digits(moment: str) -> str:
    return re.sub(r"\D", "", moment)
