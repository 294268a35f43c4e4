"""Words that nobody has to know who lives with Attune, and where they must not be met."""

from __future__ import annotations

import re
from collections.abc import Iterable

BUILT = re.compile(
    r"\b(?:bridges?|routes?|prefill\w*|rouge(?:-\w+)?|held[- ]out|tokens?)\b", re.IGNORECASE
)
"""Words of those who build it."""

TYPED = re.compile(r"'[^'\n]*'|`[^`\n]*`|\b\w+\.\w+\b|/\S+")
"""Commands and settings in quotes, names of settings and paths: what is typed is not explained."""

COMMANDS = frozenset({"run", "status", "enroll", "review"})
"""Whose output is for a person who has never heard of them."""

ASKED_FOR = frozenset({"--verbose", "--json", "--help"})
"""With which the technical view is wished."""


def built(text: str) -> list[str]:
    """The lines that have words of those who build it."""
    return [line for line in text.splitlines() if BUILT.search(TYPED.sub("", line))]


def looked_at(words: Iterable[object], printed: str) -> None:
    """Have what a command printed be plain if it has to be.

    Every test that starts one of these commands goes through here, so whatever it is made to say
    is looked at; but not the names of flags that are told after a wrong one.
    """
    said = [str(word) for word in words]
    wrong_call = printed.startswith("usage: ")
    if COMMANDS & set(said[:1]) and not ASKED_FOR & set(said) and not wrong_call:
        assert built(printed) == [], said
