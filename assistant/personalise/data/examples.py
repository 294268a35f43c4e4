"""What may be learned from: which exchanges, as which words, with which weight."""

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
    weight: float  # 1 for what a person vouches for
    held_out: bool  # judges, and never trains


def examples(turns: Iterable[Turn], settings: PersonaliseSettings) -> list[Example]:
    """The exchanges that Attune may learn from, oldest first.

    Corrections, confirmations and what was read aloud count in full and are held out by share;
    a hypothesis that nobody looked at counts little, only if it is very sure and was answered,
    and never judges.
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
    """Whether a hypothesis is sure, and neither left alone nor asked back."""
    is_taken = turn.error is None and turn.stop_reason is not StopReason.ASKED_BACK
    return is_taken and (turn.confidence or 0.0) >= confident


def is_held_out(turn: Turn, share: float) -> bool:
    """Whether an exchange judges; a hash of the utterance decides, so that it stays so."""
    name = f"{turn.started_at.isoformat()} {turn.source} {turn.seconds}"
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def spoken(text: str) -> str:
    """Words as an encoder can spell them; empty if it cannot."""
    try:
        return spoken_form(text)
    except ValueError:
        return ""
