"""How a person's words are written in a prompt.

The transcript route, the bridge's targets and training share one rule, so that all three mean the
same token rows.
"""

from __future__ import annotations


def as_words(text: str) -> str:
    """Words as they follow the context line: with one leading space and no trailing one."""
    return " " + " ".join(text.split())
