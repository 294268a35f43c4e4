"""What is known about the user."""

from __future__ import annotations

from assistant.skills.skill import Situation, Skill


def _name(known: Situation) -> str:
    if known.user_name is None:
        return "Nobody has told me your name yet."
    return f"Your name is {known.user_name}."


PERSON: Skill = {"name": _name}
