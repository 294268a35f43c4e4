"""Which skill answers, if any does."""

from __future__ import annotations

from assistant.skills.clock import CLOCK
from assistant.skills.grammar import grammar
from assistant.skills.help import HELP
from assistant.skills.person import PERSON
from assistant.skills.reminders import REMINDERS
from assistant.skills.skill import Situation
from assistant.skills.talk import TALK

SKILLS = {"clock": CLOCK, "help": HELP, "person": PERSON, "reminders": REMINDERS, "talk": TALK}
"""By the first part of a request's name in the templates."""


def load() -> None:
    """Read the templates ahead of the first request."""
    for name in ("distress", "requests"):
        grammar(name)


def urgent(text: str, situation: Situation) -> str | None:
    """The answer to a call for help, even if it is not certain that it was one."""
    return _answer("distress", text, situation)


def answer(text: str, situation: Situation) -> str | None:
    """The reply to what was understood, or none if the language model should answer."""
    return _answer("requests", text, situation)


def _answer(templates: str, text: str, situation: Situation) -> str | None:
    found = grammar(templates).request(text)
    if found is None:
        return None
    skill, _, request = found.partition(".")
    return SKILLS[skill][request](situation)
