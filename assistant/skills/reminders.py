"""The user's reminders, word for word as they were written down."""

from __future__ import annotations

import re

from assistant.generate.context import spoken_number
from assistant.skills.skill import Situation, Skill

_PILLS = re.compile(r"pill|tablet|medic|drops|capsule|insulin|dose|inhaler|syringe|injection")


def _written(known: Situation) -> list[str]:
    return [each.strip().rstrip(".") for each in known.reminders]


def _list(known: Situation) -> str:
    found = _written(known)
    if not found:
        return "There is nothing on your list."
    if len(found) == 1:
        return f"There is one thing on your list: {found[0]}."
    count = spoken_number(len(found)) if len(found) < 100 else str(len(found))
    sentences = " ".join(f"{each[:1].upper()}{each[1:]}." for each in found)
    return f"There are {count} things on your list. {sentences}"


def _pills(known: Situation) -> str:
    """Only what was written down: whether they were taken is unknown."""
    found = [each for each in _written(known) if _PILLS.search(each.lower())]
    written = f"Your list says: {'; '.join(found)}. " if found else ""
    return (
        f"{written}I cannot know what you have taken. Please look at your pill box, or ask "
        "somebody before you take anything."
    )


REMINDERS: Skill = {"list": _list, "pills": _pills}
