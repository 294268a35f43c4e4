"""What is known about the user."""

from __future__ import annotations

from assistant.skills.skill import Requests, Situation


def _name(known: Situation) -> str:
    if known.user_name is not None:
        return f"Your name is {known.user_name}."
    notes = known.household.notes.about("name")
    return notes[-1].text if notes else "Nobody has told me your name yet."


PERSON: Requests = {"name": _name}
