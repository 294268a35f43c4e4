"""Words as a recogniser writes them, made ready for the grammar of times."""

from __future__ import annotations

import re

from assistant.skills.times.numbers import BELOW_100, either

_HOUR = either(name for name, n in BELOW_100.items() if 1 <= n <= 12)
_FILLERS = re.compile(r"\b(?:um+|uh+|erm?|eh|hm+|mm+|ah)\b(?!')")
_POLITE = re.compile(
    r"\b(?:please|thanks|thank you|yes|okay|ok|well|so|say|let's say|make it|i said|i mean)\b(?!')"
)
_SOUND_ALIKE = {
    "for": "four",
    "fore": "four",
    "to": "two",
    "too": "two",
    "ate": "eight",
    "won": "one",
}
_MISHEARD = (
    (re.compile(r"-"), " "),
    (re.compile(r"\bo clock\b|\boclock\b"), "o'clock"),
    (re.compile(rf"\b({_HOUR}) a clock\b"), r"\1 o'clock"),
    (re.compile(rf"\b({_HOUR}|thirty|fifteen|o'clock) ([ap]) m\b"), r"\1 \2m"),
    (re.compile(r"\bmid (day|night)\b"), r"mid\1"),
    (re.compile(r"\bto (night|morrow)\b"), r"to\1"),
    (re.compile(r"\btom+or+ow\b"), "tomorrow"),
    (re.compile(rf"\b(half|quarter) passed (?={_HOUR}\b)"), r"\1 past "),
    (re.compile(r"\b(half )?an our\b"), r"\1an hour"),
    (re.compile(r"\b(half|quarter|minutes) (past|to) (?:too|to$)\b"), r"\1 \2 two"),
)
_NUMBER_MISHEARD = re.compile(
    rf"\b(for|in|of|at) ({either(_SOUND_ALIKE)})"
    r"(?= (?:(?:seconds?|minutes?|hours?|days?|weeks?|o'clock)\b|[ap]m\b|in the \w+ing\b))"
)


def heard(words: str) -> str:
    """The words without fillers, and with numbers where only a number makes sense.

    "timer for for minutes" is one for four minutes, since nothing else can stand there.
    """
    text = " ".join(_FILLERS.sub(" ", words).split())
    for wrong, right in _MISHEARD:
        text = wrong.sub(right, text)
    return _NUMBER_MISHEARD.sub(lambda found: f"{found[1]} {_SOUND_ALIKE[found[2]]}", text)


def without(words: str) -> str:
    """What is left of an answer when politeness is taken away."""
    return " ".join(_POLITE.sub(" ", words).split())
