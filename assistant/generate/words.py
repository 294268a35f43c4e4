"""How a person's words stand in a prompt.

One rule for the transcript route, for the bridge's targets and for training, so that all three
mean the same token rows.
"""

from __future__ import annotations


def as_words(text: str) -> str:
    """Words as they follow the context line: with one leading space and none behind."""
    return " " + " ".join(text.split())
