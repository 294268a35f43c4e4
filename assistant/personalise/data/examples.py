"""Which exchanges to learn from, as which words, with which weight."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from assistant.config import PersonaliseSettings
from assistant.journal.turn import Turn
from assistant.spoken import spoken_form
from assistant.values import StopReason


@dataclass(frozen=True, slots=True)
class Example:
    """One recording and what was said in it."""

    turn: int  # id of the exchange
    text: str  # as spoken: lower case, letters, apostrophes and single spaces
    weight: float  # 1 if a person has confirmed the text
    held_out: bool  # judges, and never trains


def examples(turns: Iterable[Turn], settings: PersonaliseSettings) -> list[Example]:
    """The exchanges that Attune may learn from, oldest first.

    Corrections, confirmations and sentences read aloud have full weight, and a share is held out.
    Unchecked hypotheses have little weight, must be confident and answered, and never judge.
    """
    found: list[Example] = []
    for turn in turns:
        if not (turn.has_audio and turn.consent):
            continue
        if turn.correction is not None:
            text, weight = spoken(turn.correction), 1.0
        elif turn.hypothesis and _is_trusted(turn, settings.confident):
            text, weight = spoken(turn.hypothesis), settings.tuned.confident_weight
        else:
            continue
        if text and weight:
            taught = turn.correction is not None
            found.append(
                Example(turn.id, text, weight, taught and is_held_out(turn, settings.held_out))
            )
    return sorted(found, key=lambda example: example.turn)


def _is_trusted(turn: Turn, confident: float) -> bool:
    """Whether a hypothesis is confident, and was neither ignored nor queried."""
    is_taken = turn.error is None and turn.stop_reason is not StopReason.ASKED_BACK
    return is_taken and (turn.confidence or 0.0) >= confident


def is_held_out(turn: Turn, share: float) -> bool:
    """Whether an exchange judges, which never changes."""
    return is_drawn(f"{turn.started_at.isoformat()} {turn.source} {turn.seconds}", share)


def is_drawn(name: str, share: float) -> bool:
    """Whether a name is in a pseudo-random share of all names, decided by its hash."""
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def spoken(text: str) -> str:
    """The text in spoken form, or empty if it has none."""
    try:
        return spoken_form(text)
    except ValueError:
        return ""
