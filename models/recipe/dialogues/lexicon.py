"""All the words that fill the slots: slot name, then category, then values.

Values are written as a reply shows them ("Anna", "my daughter"); user text is
the same in lower case. A category holds values that deserve the same reply.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import lexicon_home, lexicon_nature, lexicon_people, lexicon_table

Slot = Mapping[str, tuple[str, ...]]


def _listed(slot: Mapping[str, str]) -> Slot:
    return {
        category: tuple(" ".join(value.split()) for value in values.split(","))
        for category, values in slot.items()
    }


LEXICON: Mapping[str, Slot] = {
    name: _listed(slot)
    for part in (lexicon_people, lexicon_table, lexicon_nature, lexicon_home)
    for name, slot in part.SLOTS.items()
}


_SINGULAR = frozenset("news gas bus lens tennis chess christmas wales politics calculus".split())
_PLURAL = frozenset("feet teeth children people".split())


def is_plural(value: str) -> bool:
    """Whether a verb after this value is plural: "carrots are", "playing cards is"."""
    words = value.lower().split()
    if not words or words[0] in ("a", "an") or words[0].endswith("ing"):
        return False
    last = words[-1]
    if last in _PLURAL or last in _SINGULAR:
        return last in _PLURAL
    return last.endswith("s") and not last.endswith(("ss", "us", "is"))


def values(slot: str) -> tuple[str, ...]:
    """All the values of a slot, over its categories."""
    return tuple(value for group in LEXICON[slot].values() for value in group)
