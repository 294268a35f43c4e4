"""Calls for help: an immediate, fixed answer without the language model.

If the household has set a hook, it is called, and what is said about it is what happened; without
one Attune says that it cannot call anybody.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from assistant.skills.skill import Requests, Said, Situation, Skill
from assistant.spoken import said_words


def _call(reason: str, advice: str, feeling: str = "") -> Callable[[Situation], Said]:
    """The answer to one kind of emergency.

    Args:
        reason: is passed to the hook.
        advice: what the user can do meanwhile.
        feeling: comes first.
    """

    def answer(known: Situation) -> Said:
        summons = known.household.summons
        if summons is None:
            return Said(f"{feeling}I cannot call anyone. {advice}")

        def asked() -> None:
            summons.asked(reason)

        if not summons.configured:
            return Said(f"{feeling}I cannot call anyone. {advice}", asked)

        def then(_stopped: threading.Event) -> str:
            if summons.call(reason):
                return f"I have sent a message to {summons.name}."
            return f"I could not reach {summons.name}. Please get help yourself."

        return Said(
            f"{feeling}I am sending a message to {summons.name}. {advice}", asked, then=then
        )

    return answer


_LONG_AGO = re.compile(
    r"\b(?:years?|months?|weeks?) ago\b|\bwhen (?:i|we|he|she) (?:was|were)\b|\blast (?:year|winter"
    r"|summer|spring|autumn|month)\b|\bas a (?:child|girl|boy)\b|\bonce\b|\bused to\b"
)
_NOW = re.compile(r"\b(?:now|help|hurts?|hurting|pain|bleeding|can't|cannot|again)\b")


def _lately(answer: Skill) -> Skill:
    """Not what was long ago, unless something is wrong now."""

    def asked(known: Situation) -> Said | str | None:
        words = said_words(known.words)
        return None if _LONG_AGO.search(words) and not _NOW.search(words) else answer(known)

    return asked


_FALLEN = _call(
    "fallen",
    "If you are hurt, do not try to get up. Shout for help, knock on the wall or the floor, or "
    "press your emergency button if you wear one.",
)

HELP: Requests = {
    "fallen": _lately(_FALLEN),
    "danger": _call(
        "danger",
        "Please get help right now: press your emergency button, call the emergency number, or "
        "shout so that somebody hears you.",
    ),
    "fire": _call(
        "fire",
        "If you can, leave the house now, and call the emergency number from outside. Shout so "
        "that somebody hears you.",
    ),
    "stranger": _call(
        "stranger",
        "Keep the door locked, stay where you are safe, and call the emergency number or a "
        "neighbour.",
    ),
    "death": _call(
        "death",
        "Please talk to somebody right now: someone close to you, your doctor, or the emergency "
        "number. You do not have to be alone with this.",
        "I am sorry that it is so hard. ",
    ),
    "call": _call(
        "help",
        "Please press your emergency button, call the emergency number, or shout so that somebody "
        "hears you.",
    ),
    "unwell": _call(
        "unwell",
        "Sit or lie down, and ask somebody to look after you. If it gets worse, call the emergency "
        "number.",
        "I am sorry that you are not well. ",
    ),
}
