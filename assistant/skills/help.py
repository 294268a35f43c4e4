"""Calls for help: an immediate, fixed answer without the language model.

Attune cannot call anybody, and says so.
"""

from __future__ import annotations

from assistant.skills.skill import Skill

_CALL = "I cannot call anyone."

HELP: Skill = {
    "fallen": lambda _: (
        f"{_CALL} If you are hurt, do not try to get up. Shout for help, knock on the wall or the "
        "floor, or press your emergency button if you wear one."
    ),
    "danger": lambda _: (
        f"{_CALL} Please get help right now: press your emergency button, call the emergency "
        "number, or shout so that somebody hears you."
    ),
    "fire": lambda _: (
        f"{_CALL} If you can, leave the house now, and call the emergency number from outside. "
        "Shout so that somebody hears you."
    ),
    "stranger": lambda _: (
        f"{_CALL} Keep the door locked, stay where you are safe, and call the emergency number or "
        "a neighbour."
    ),
    "death": lambda _: (
        f"I am sorry that it is so hard. {_CALL} Please talk to somebody right now: someone close "
        "to you, your doctor, or the emergency number. You do not have to be alone with this."
    ),
    "call": lambda _: (
        f"{_CALL} Please press your emergency button, call the emergency number, or shout so that "
        "somebody hears you."
    ),
    "unwell": lambda _: (
        f"I am sorry that you are not well. {_CALL} Sit or lie down, and ask somebody to look "
        "after you. If it gets worse, call the emergency number."
    ),
}
