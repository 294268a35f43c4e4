"""Talk about the conversation: say that again, who are you, what can you do."""

from __future__ import annotations

from assistant.skills.skill import Skill

TALK: Skill = {
    "repeat": lambda known: known.said_last or "I have not said anything yet.",
    "who_are_you": lambda _: (
        "I am Attune, a voice assistant. I am a machine, and I live on this device."
    ),
    "what_can_you_do": lambda _: (
        "I can tell you the time and the date, read out your reminders, and keep you company. I "
        "cannot call anyone or look anything up."
    ),
}
